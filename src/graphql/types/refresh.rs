//! Refreshes: runs of the evaluation.

use super::rule::node::RuleProblem;
use super::segment::SegmentNode;
use super::subscriber::page;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::{at_hand, written_as_value};
use crate::graphql::engine::change::entry;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, split, to_graphql};
use crate::graphql::engine::id::{IdKind, to_global};
use crate::graphql::engine::loaders::{
    RefreshById, SegmentById, SegmentByKey, SegmentsOfRefresh, Total, load_many, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::quick::Quick;
use crate::graphql::engine::scalar::count;
use crate::past::{
    Refresh, RefreshState, SegmentRefresh, Trigger, find_running_refresh, list_refreshes,
};
use crate::refresh::{Selection, refresh_asked, refuse_archived};
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer waits for the end of a refresh.
const PATIENCE: Duration = Duration::from_secs(5);

/// The state of a refresh.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "RefreshState", name = "RefreshState")]
pub enum RefreshStateName {
    /// Running: the members are unchanged until it ends.
    Running,
    /// Succeeded: the members are those at its `asOf`.
    Succeeded,
    /// Failed: nothing was kept, and the members are unchanged.
    Failed,
}

/// Why a refresh ran.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Trigger")]
pub enum RefreshTrigger {
    /// The daily job.
    Daily,
    /// A segment was created, its rule changed, or following its changes failed.
    Edit,
    /// A client or a command requested it.
    Manual,
}

/// A run of the evaluation over the whole audience, of all or of some segments.
pub struct RefreshNode(pub Refresh);

/// A run of the evaluation over the whole audience, of all or of some segments.
#[Object(name = "Refresh")]
impl RefreshNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Refresh, self.0.id)
    }

    /// Why the refresh ran.
    async fn trigger(&self) -> RefreshTrigger {
        self.0.trigger.into()
    }

    /// The one moment that all relative dates of the run count from.
    async fn as_of(&self) -> DateTime<Utc> {
        self.0.as_of
    }

    /// When it started.
    async fn started_at(&self) -> DateTime<Utc> {
        self.0.started_at
    }

    /// When it finished; null while it runs.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The state.
    async fn state(&self) -> RefreshStateName {
        self.0.state.into()
    }

    /// The share of the audience that has been evaluated, from 0 to 1; 1 when it has succeeded.
    async fn progress(&self) -> f64 {
        self.0.progress()
    }

    /// Why it failed; null if it did not.
    async fn error(&self) -> Option<Text<&str>> {
        self.0.error.as_deref().map(Text)
    }

    /// The result for each of its segments.
    async fn segments(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<SegmentRefreshNode>> {
        let segments = load_one(context.loader()?, SegmentsOfRefresh(self.0.id)).await?;
        let segments = segments.unwrap_or_default();
        Ok(segments.into_iter().map(SegmentRefreshNode::of).collect())
    }
}

/// The result of one refresh for one segment.
pub struct SegmentRefreshNode {
    of_segment: SegmentRefresh,
    /// The refresh, if it was read too.
    refresh: Option<Refresh>,
}

impl SegmentRefreshNode {
    /// Creates the result of a refresh that was not read.
    pub fn of(of_segment: SegmentRefresh) -> SegmentRefreshNode {
        SegmentRefreshNode {
            of_segment,
            refresh: None,
        }
    }

    /// Creates the result of this refresh.
    pub fn by(refresh: Refresh, of_segment: SegmentRefresh) -> SegmentRefreshNode {
        SegmentRefreshNode {
            of_segment,
            refresh: Some(refresh),
        }
    }
}

/// The result of one refresh for one segment.
#[Object(name = "SegmentRefresh")]
impl SegmentRefreshNode {
    /// The refresh.
    async fn refresh(&self, context: &Context<'_>) -> Nullable<Quick<RefreshNode>> {
        nullable(async {
            let id = self.of_segment.refresh_id;
            let refresh = match &self.refresh {
                Some(refresh) => Some(refresh.clone()),
                None => load_one(context.loader()?, RefreshById(id)).await?,
            };
            Ok(refresh.map(|refresh| Quick(RefreshNode(refresh))))
        })
        .await
    }

    /// The segment.
    async fn segment(&self, context: &Context<'_>) -> Nullable<SegmentNode> {
        nullable(async {
            let segment =
                load_one(context.loader()?, SegmentById(self.of_segment.segment_id)).await?;
            Ok(segment.map(SegmentNode::new))
        })
        .await
    }

    /// Which version of the rule was evaluated.
    async fn definition_version(&self) -> i32 {
        self.of_segment.definition_version
    }

    /// How many members the segment had afterwards.
    async fn member_count(&self) -> i32 {
        count(self.of_segment.member_count)
    }

    /// How many new members the refresh itself found. `Segment.changes` also counts changes since the refresh before
    /// it.
    async fn joined_count(&self) -> i32 {
        count(self.of_segment.joined)
    }

    /// How many members the refresh itself found to have left.
    async fn left_count(&self) -> i32 {
        count(self.of_segment.left)
    }

    /// How many seconds evaluating the conditions of the rule took, summed over all parts of the audience. A condition
    /// that several rules have counts for each of them. Null if the rule was not evaluated, or by an older version of
    /// the server.
    async fn evaluation_seconds(&self) -> Option<f64> {
        let micros = self.of_segment.evaluation_micros?;
        Some(micros as f64 / 1e6)
    }

    /// Why the rule could not be evaluated; the members then stayed as they were.
    async fn problems(&self) -> Vec<RuleProblem> {
        let problems = self.of_segment.problems();
        problems.into_iter().map(RuleProblem::from).collect()
    }
}

connection! {
    /// A page of refreshes.
    RefreshConnection
    /// A refresh in a list.
    RefreshEdge { RefreshNode }
}

/// Queries about refreshes.
#[derive(Default)]
pub struct RefreshQuery;

#[Object]
impl RefreshQuery {
    /// Lists the refreshes, newest first.
    async fn refreshes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<RefreshConnection> {
        let request = page(first, after, last, before).read("Query.refreshes")?;
        let db = &context.app()?.db;
        let refreshes = db.run(move |connection| list_refreshes(connection, &request));
        let edges = refreshes
            .await
            .map_err(to_graphql)?
            .map(|refresh| RefreshEdge {
                cursor: write_cursor("Query.refreshes", &refresh.id),
                node: RefreshNode(refresh),
            });
        Ok(RefreshConnection::new(edges, Total::Refreshes))
    }
}

/// Which segments to refresh.
#[derive(InputObject)]
pub struct RefreshSegmentsInput {
    /// The keys of the segments; all that are not archived if absent.
    pub segments: Option<Vec<String>>,
}

/// The refresh, or the errors.
#[derive(SimpleObject)]
pub struct RefreshSegmentsPayload {
    /// The refresh: finished, or RUNNING if it takes longer.
    pub refresh: Option<RefreshNode>,
    /// The errors of the input, or that another refresh is running; empty on success.
    pub user_errors: Vec<UserError>,
}

/// The mutation that runs refreshes.
#[derive(Default)]
pub struct RefreshMutation;

#[Object]
impl RefreshMutation {
    /// Refreshes segments now. If the refresh takes longer than five seconds, the request returns with the state
    /// RUNNING and the refresh continues; `refreshProgress` reports its end.
    async fn refresh_segments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segments.")] input: RefreshSegmentsInput,
    ) -> async_graphql::Result<RefreshSegmentsPayload> {
        let app = context.app()?.clone();
        let live = Arc::clone(&app.live);
        let selection = match input.segments {
            None => Selection::All,
            Some(keys) => match find_segments(context, keys).await? {
                Ok(ids) => Selection::Ids(ids),
                Err(user_errors) => {
                    return Ok(RefreshSegmentsPayload {
                        refresh: None,
                        user_errors,
                    });
                }
            },
        };
        let db = app.db.clone();
        let entry = entry(context)?;
        // A task of its own, so that the refresh goes on when the client does not wait any more.
        let mut work = tokio::spawn(async move {
            let run = tokio::task::spawn_blocking(move || {
                let db = app.db.for_long_work();
                refresh_asked(&db, &selection, &app.refresh, entry)
            });
            let done = run.await;
            live.tell_ended();
            done
        });
        let done = match timeout(PATIENCE, &mut work).await {
            Ok(done) => done,
            Err(_) => match db.run(find_running_refresh).await.map_err(to_graphql)? {
                Some(running) => {
                    return Ok(RefreshSegmentsPayload {
                        refresh: Some(RefreshNode(running)),
                        user_errors: Vec::new(),
                    });
                }
                // The refresh has ended meanwhile.
                None => work.await,
            },
        };
        Ok(match split(done??)? {
            Ok(refresh) => RefreshSegmentsPayload {
                refresh: Some(RefreshNode(refresh)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => RefreshSegmentsPayload {
                refresh: None,
                user_errors,
            },
        })
    }
}

async fn find_segments(
    context: &Context<'_>,
    keys: Vec<String>,
) -> async_graphql::Result<Result<Vec<i64>, Vec<UserError>>> {
    let wanted = keys.iter().cloned().map(SegmentByKey);
    let found = load_many(context.loader()?, wanted).await?;
    let mut errors = Vec::new();
    let mut ids = Vec::with_capacity(keys.len());
    for (position, key) in keys.into_iter().enumerate() {
        let message =
            format!("expected the key of a segment, found \"{key}\", which does not exist");
        let path = format!("segments[{position}]");
        match found.get(&SegmentByKey(key)) {
            Some(segment) => match split(refuse_archived(segment, path))? {
                Ok(()) => ids.push(segment.id),
                Err(archived) => errors.extend(archived),
            },
            None => errors.push(UserError::new(UserErrorCode::NotFound, path, message)),
        }
    }
    Ok(if errors.is_empty() {
        Ok(ids)
    } else {
        Err(errors)
    })
}

at_hand!(RefreshNode {
    "id": id(),
    "trigger": trigger(),
    "asOf": as_of(),
    "startedAt": started_at(),
    "finishedAt": finished_at(),
    "state": state(),
    "progress": progress(),
    "error": error(),
});
at_hand!(SegmentRefreshNode {
    "refresh": refresh(),
    "definitionVersion": definition_version(),
    "memberCount": member_count(),
    "joinedCount": joined_count(),
    "leftCount": left_count(),
    "evaluationSeconds": evaluation_seconds(),
});
written_as_value!(RefreshTrigger, RefreshStateName);
