//! `rollcall serve`.

use super::database::{self, Opened};
use super::key;
use crate::app::App;
use crate::audience::setting::Missing;
use crate::clock::Clock;
use crate::config::{
    AnswerSettings, BackupFlags, DatabaseSettings, FederationSettings, FirstKeyFlags, ImportFlags,
    ListenSettings, ScheduleSettings, TransferSettings, WebhookFlags,
};
use crate::db::embedded::EmbeddedError;
use crate::graphql::ApiSettings;
use crate::import::ImportSettings;
use crate::server;
use crate::server::http::graphiql;
use crate::server::{HttpSettings, ServerSettings};
use anyhow::anyhow;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, raise};
use sd_notify::NotifyState;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{debug, warn};

/// Arguments of `rollcall serve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub serving: ServingArguments,

    #[command(flatten)]
    backups: BackupFlags,

    #[command(flatten)]
    first_key: FirstKeyFlags,
}

/// Arguments of every command that serves.
#[derive(Debug, Clone, clap::Args)]
pub struct ServingArguments {
    #[command(flatten)]
    listen: ListenSettings,

    #[command(flatten)]
    transfer: TransferSettings,

    #[command(flatten)]
    answer: AnswerSettings,

    #[command(flatten)]
    federation: FederationSettings,
}

impl ServingArguments {
    /// Returns the settings of the server. Reads the folder of `--documents`, if one is given.
    pub fn settings(&self) -> anyhow::Result<ServerSettings> {
        Ok(ServerSettings {
            listen: self.listen.clone(),
            transfer: self.transfer.clone(),
            api: ApiSettings {
                base_path: self.listen.base_path(),
                is_subgraph: self.federation.federation,
                ..self.answer.api()?
            },
            backups: None,
            http: HttpSettings {
                status_codes: self.answer.status_codes(),
                request_timeout: self.answer.request_timeout(),
                base_path: self.listen.base_path(),
            },
        })
    }
}

/// Serves until a signal stops the process.
pub fn run(
    database: &DatabaseSettings,
    schedule: &ScheduleSettings,
    imports: &ImportFlags,
    webhooks: &WebhookFlags,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let data_dir = database::data_dir(database)?;
    let settings = ServerSettings {
        backups: arguments.backups.plan(&data_dir),
        ..arguments.serving.settings()?
    };
    let opened = database::open(database)?;
    let given = [schedule.given(), imports.given()].concat();
    database::settle(&opened.db, &given, Missing::Defaults)?;
    if let Some(file) = &arguments.first_key.bootstrap_key_file {
        key::create_first(&opened.db, file, Clock::System.now())?;
    }
    let imports = imports.settings(Clock::System, &data_dir, database);
    serve(opened, schedule, imports, webhooks, settings, Clock::System)
}

/// Raises the soft limit of open files to the hard one. Every connection, upload and export holds files open, and the
/// usual soft limit of 1,024 is for programs that call `select`.
fn raise_open_files() {
    let resource = Resource::RLIMIT_NOFILE;
    let raised = getrlimit(resource).and_then(|(soft, hard)| {
        setrlimit(resource, hard, hard)?;
        Ok((soft, hard))
    });
    match raised {
        Ok((soft, hard)) => debug!(soft, hard, "raised the limit of open files"),
        // The server works with fewer files, too.
        Err(error) => warn!("the limit of open files was not raised: {error}"),
    }
}

/// Notifies systemd of the state of the server, if the unit has `Type=notify`.
fn tell_service_manager(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!("the service manager was not notified: {error}");
    }
}

/// Serves an open database with the given clock, and closes the database in the end.
pub fn serve(
    opened: Opened,
    schedule: &ScheduleSettings,
    imports: ImportSettings,
    webhooks: &WebhookFlags,
    settings: ServerSettings,
    clock: Clock,
) -> anyhow::Result<ExitCode> {
    raise_open_files();
    let app = App {
        db: opened.db.clone(),
        refresh: schedule.refresh(clock),
        scans: Arc::default(),
        pending: Arc::default(),
        live: Arc::default(),
        changed: Arc::default(),
        keys_changed: Arc::default(),
        imports,
        import_ready: Arc::default(),
        bulk_ready: Arc::default(),
        refusals: Arc::default(),
        webhooks: webhooks.settings(settings.listen.base_path()),
        webhooks_due: Arc::default(),
    };
    let failure: Arc<Mutex<Option<EmbeddedError>>> = Arc::default();
    let noted = Arc::clone(&failure);
    let watched = opened.watch(move |error| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        // Stops the server in the usual way. Fails only if the process may not signal itself.
        let _ = raise(Signal::SIGTERM);
    });
    let base_path = settings.listen.base_path();
    let served = actix_web::rt::System::new().block_on(server::serve(app, settings, |address| {
        println!("Console   http://{address}{base_path}/console/");
        println!("GraphiQL  http://{address}{base_path}/graphiql");
        println!("GraphQL   http://{address}{base_path}/graphql");
        if graphiql::kind() == graphiql::PagesKind::Fallback {
            println!(
                "          (without the console and with a simple explorer: npm was missing or failed when this program was built)"
            );
        }
        println!("Ctrl-C stops the server.");
        tell_service_manager(NotifyState::Ready);
    }));
    tell_service_manager(NotifyState::Stopping);
    let closed = watched.close();
    served?;
    if let Some(error) = failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        return Err(anyhow!("the embedded PostgreSQL has ended: {error}"));
    }
    closed?;
    Ok(ExitCode::SUCCESS)
}
