//! Settings of the database: the object, the query and the mutation.

use super::subscriber::input::keep;
use crate::audience::api_key::Scope;
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::setting::{self, GivenSetting, SettingKey, Settings};
use crate::error::Error;
use crate::graphql::engine::change::change;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split};
use crate::graphql::engine::loaders::{SettingsInUse, load_one};
use crate::graphql::engine::scalar::count;
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};

/// The settings of the database. They are the same for every server and command.
pub struct SettingsNode(Settings);

/// The settings of the database. They are the same for every server and command.
#[Object(name = "Settings")]
impl SettingsNode {
    /// The IANA time zone in which days begin and end, such as `Europe/Vilnius`.
    async fn time_zone(&self) -> String {
        self.0.text(SettingKey::TimeZone)
    }

    /// The wall-clock time of the daily refresh in that time zone, such as `03:00`.
    async fn refresh_at(&self) -> String {
        self.0.text(SettingKey::RefreshAt)
    }

    /// For how many days joins and leaves of segments are kept.
    async fn keep_changes(&self) -> i32 {
        count(self.0.keep_changes.into())
    }

    /// For how many days an import or a bulk action can be undone.
    async fn keep_undo(&self) -> i32 {
        count(self.0.keep_undo.into())
    }

    /// For how many days entries of the audit log are kept.
    async fn keep_audit(&self) -> i32 {
        count(self.0.keep_audit.into())
    }
}

/// Queries about settings.
#[derive(Default)]
pub struct SettingQuery;

#[Object]
impl SettingQuery {
    /// Returns the settings of the database.
    async fn settings(&self, context: &Context<'_>) -> async_graphql::Result<SettingsNode> {
        let settings = load_one(context.loader()?, SettingsInUse(())).await?;
        Ok(SettingsNode(settings.unwrap_or_default()))
    }
}

/// The settings to change; absent ones stay as they are.
#[derive(InputObject, Clone)]
pub struct UpdateSettingsInput {
    /// The IANA time zone, such as `Europe/Vilnius`. Changing it makes all segments PENDING and refreshes them.
    pub time_zone: MaybeUndefined<String>,
    /// The wall-clock time of the daily refresh, such as `03:00`.
    pub refresh_at: MaybeUndefined<String>,
    /// For how many days joins and leaves of segments are kept; at most 36,500.
    pub keep_changes: MaybeUndefined<i32>,
    /// For how many days an import or a bulk action can be undone; at most 36,500. Those that have ended keep their
    /// `undoUntil`.
    pub keep_undo: MaybeUndefined<i32>,
    /// For how many days entries of the audit log are kept; from 30 to 36,500.
    pub keep_audit: MaybeUndefined<i32>,
}

impl UpdateSettingsInput {
    fn list(self) -> Result<Vec<GivenSetting>, Error> {
        let days = |days: Option<i32>| days.map(|days| days.to_string());
        let given = [
            (SettingKey::TimeZone, keep(self.time_zone, "timeZone")?),
            (SettingKey::RefreshAt, keep(self.refresh_at, "refreshAt")?),
            (
                SettingKey::KeepChanges,
                days(keep(self.keep_changes, "keepChanges")?),
            ),
            (
                SettingKey::KeepUndo,
                days(keep(self.keep_undo, "keepUndo")?),
            ),
            (
                SettingKey::KeepAudit,
                days(keep(self.keep_audit, "keepAudit")?),
            ),
        ];
        let given = given.into_iter();
        Ok(given
            .filter_map(|(key, value)| Some((key, value?)))
            .collect())
    }
}

/// The settings, or the errors.
#[derive(SimpleObject)]
pub struct UpdateSettingsPayload {
    /// The settings as they are now.
    pub settings: Option<SettingsNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of settings.
#[derive(Default)]
pub struct SettingMutation;

#[Object]
impl SettingMutation {
    /// Changes settings for every server and command. For ADMIN.
    async fn update_settings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The settings to change.")] input: UpdateSettingsInput,
    ) -> async_graphql::Result<UpdateSettingsPayload> {
        context.require(Scope::Admin, "Mutation.updateSettings")?;
        let app = context.app()?;
        let changed = change(context, move |connection| {
            let settings = setting::change(connection, &input.clone().list()?)?;
            Ok((settings, Trace::to(TargetKind::Settings)))
        });
        let changed = split(changed.await)?;
        // The scheduler refreshes what is pending, and sleeps until the new time.
        app.pending.notify_one();
        let (settings, user_errors) = match changed {
            Ok(settings) => (Some(SettingsNode(settings)), Vec::new()),
            Err(user_errors) => (None, user_errors),
        };
        Ok(UpdateSettingsPayload {
            settings,
            user_errors,
        })
    }
}
