//! The mutations of imports.

use super::ImportNode;
use super::input::{
    CreateImportInput, CreateImportPayload, ImportIdInput, ImportPayload, StartImportInput,
};
use super::options::read_options;
use crate::app::App;
use crate::audience::api_key::Scope;
use crate::audience::audit::{TargetKind, Trace};
use crate::error::Error;
use crate::graphql::engine::change::{change, entry};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::split;
use crate::graphql::engine::id::{IdKind, input_id};
use crate::import;
use crate::import::{Import, ImportState};
use async_graphql::{Context, Object};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a request waits for an undo.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait between two polls for an undo by another process.
const PAUSE: Duration = Duration::from_millis(100);

/// The mutations of imports.
#[derive(Default)]
pub struct ImportMutation;

#[Object]
impl ImportMutation {
    /// Creates an import. Send its file to `uploadUrl` by PUT; the import then runs, or with `review` stops after its
    /// analysis.
    async fn create_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to import, and how.")] input: CreateImportInput,
    ) -> async_graphql::Result<CreateImportPayload> {
        if input.raise_consent.is_some() {
            context.require(Scope::Admin, "CreateImportInput.raiseConsent")?;
        }
        let options = match read_options(&input) {
            Ok(options) => options,
            Err(user_errors) => {
                return Ok(CreateImportPayload {
                    import: None,
                    user_errors,
                });
            }
        };
        let now = context.app()?.now();
        let name = input.file_name.unwrap_or_default();
        let review = input.review;
        let created = change(context, move |connection| {
            let import = import::create_to(connection, &options, &name, None, review, now)?;
            Ok(traced(import))
        });
        Ok(match split(created.await)? {
            Ok(import) => CreateImportPayload {
                import: Some(ImportNode(import)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => CreateImportPayload {
                import: None,
                user_errors,
            },
        })
    }

    /// Starts an import whose file was analysed (see `CreateImportInput.review`), or that failed because of open
    /// questions.
    async fn start_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which import, and how.")] input: StartImportInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, IdKind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let options = input.options.as_ref();
        if options.is_some_and(|options| options.raise_consent.is_some()) {
            context.require(Scope::Admin, "CreateImportInput.raiseConsent")?;
        }
        let options = match options.map(read_options).transpose() {
            Ok(options) => options,
            Err(user_errors) => {
                return Ok(ImportPayload {
                    import: None,
                    user_errors,
                });
            }
        };
        let app = context.app()?;
        let accepts = input.accept_proposal;
        let started = change(context, move |connection| {
            let import = import::start(connection, id, options.clone(), accepts)?;
            Ok(traced(import))
        })
        .await;
        app.import_ready.notify_one();
        payload(started)
    }

    /// Cancels an import. What is stored stays; the import can be resumed or undone. An undo that was requested and has
    /// not begun is cancelled.
    async fn cancel_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The import.")] input: ImportIdInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, IdKind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let app = context.app()?.clone();
        let entry = entry(context)?;
        let cancelled =
            tokio::task::spawn_blocking(move || import::cancel(&app.db, id, &app.imports, &entry));
        payload(cancelled.await?)
    }

    /// Resumes an import that failed or was cancelled, after the last stored batch.
    async fn resume_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The import.")] input: ImportIdInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, IdKind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let app = context.app()?;
        let resumed = change(context, move |connection| {
            Ok(traced(import::resume(connection, id)?))
        })
        .await;
        app.import_ready.notify_one();
        payload(resumed)
    }

    /// Undoes an import exactly. Refused if later changes would be lost; the errors name some. If the undo takes longer
    /// than five seconds, the request returns with the state UNDOING and the undo continues: `importProgress` reports
    /// when the import is UNDONE. If the undo was refused, `undoError` says why.
    async fn undo_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The import.")] input: ImportIdInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, IdKind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let app = context.app()?;
        let now = app.now();
        let asked = change(context, move |connection| {
            Ok(traced(import::ask_to_undo(connection, id, now)?))
        });
        if let Err(error) = asked.await {
            return payload(Err(error));
        }
        let db = app.db.for_long_work();
        // The undo goes on even if the client disconnects.
        let work = tokio::task::spawn_blocking(move || import::undo_asked(&db, id, now));
        let undone = tokio::time::timeout(PATIENCE, until_undone(app, id, work)).await;
        match undone {
            Ok(undone) => payload(undone?),
            Err(_) => payload(
                app.db
                    .run(move |connection| import::get(connection, id))
                    .await,
            ),
        }
    }
}

/// Waits until an import is undone: by this task, by another server, or by the importer after another import.
async fn until_undone(
    app: &App,
    id: i64,
    work: JoinHandle<Result<Option<Import>, Error>>,
) -> async_graphql::Result<Result<Import, Error>> {
    match work.await? {
        Ok(Some(import)) if import.undo_error.is_none() => return Ok(Ok(import)),
        Ok(_) => {}
        Err(error) => return Ok(Err(error)),
    }
    loop {
        let import = app.db.run(move |connection| import::get(connection, id));
        match import.await {
            Ok(import) if import.state() == ImportState::Undoing => {}
            Ok(Import {
                undo_error: Some(why),
                ..
            }) => return Ok(Err(Error::invalid("id", why))),
            ended => return Ok(ended),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn traced(import: Import) -> (Import, Trace) {
    let trace = Trace::of(TargetKind::Import, import.id);
    (import, trace)
}

fn payload(result: Result<Import, Error>) -> async_graphql::Result<ImportPayload> {
    Ok(match split(result)? {
        Ok(import) => ImportPayload {
            import: Some(ImportNode(import)),
            user_errors: Vec::new(),
        },
        Err(user_errors) => ImportPayload {
            import: None,
            user_errors,
        },
    })
}
