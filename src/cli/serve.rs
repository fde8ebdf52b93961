//! `rollcall serve`.

use super::database::{self, Opened};
use crate::audience::import::ImportSettings;
use crate::clock::Clock;
use crate::config::{DatabaseSettings, ImportFlags, ListenSettings, ScheduleSettings};
use crate::graphql::App;
use crate::server::{self, graphiql};
use std::process::ExitCode;
use std::sync::Arc;

/// What `rollcall serve` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    listen: ListenSettings,
}

/// Serves until the process is told to stop.
pub fn run(
    database: &DatabaseSettings,
    schedule: &ScheduleSettings,
    imports: &ImportFlags,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let opened = database::open(database)?;
    let imports = imports.settings(Clock::System, &database::data_dir(database)?, database);
    serve(opened, schedule, imports, &arguments.listen, Clock::System)
}

/// Serves an open database by a clock, and closes it in the end.
pub fn serve(
    opened: Opened,
    schedule: &ScheduleSettings,
    imports: ImportSettings,
    listen: &ListenSettings,
    clock: Clock,
) -> anyhow::Result<ExitCode> {
    let app = App {
        db: opened.db.clone(),
        refresh: schedule.refresh(clock),
        daily: schedule.daily(),
        pending: Arc::default(),
        live: Arc::default(),
        changed: Arc::default(),
        imports,
        import_ready: Arc::default(),
    };
    let address = listen.listen;
    let served = actix_web::rt::System::new().block_on(server::serve(app, address, |address| {
        println!("GraphiQL  http://{address}/graphiql");
        println!("GraphQL   http://{address}/graphql");
        if graphiql::kind() == graphiql::Kind::Fallback {
            println!(
                "          (the simple explorer: GraphiQL itself is built where npm is installed)"
            );
        }
        println!("Ctrl-C stops the server.");
    }));
    let closed = opened.close();
    served?;
    closed?;
    Ok(ExitCode::SUCCESS)
}
