//! Settings, in one place: every flag, its environment variable and its default.

use crate::audience::setting::{self, GivenSetting, SettingKey};
use crate::clock::Clock;
use crate::graphql::{AllowedDocuments, AllowedDocumentsError, ApiSettings, Limits};
use crate::import::{BATCH_ROWS, ImportSettings, Spool};
use crate::scan::RefreshSettings;
use crate::scan::ScanLimits;
use crate::scan::{Meter, RULE_BUDGET};
use crate::webhook::{SendRules, WebhookSettings};
use chrono::NaiveTime;
use chrono_tz::Tz;
use clap::Args;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use twox_hash::XxHash64;

mod backup;
mod first_key;
mod general;
mod transfer;

pub use crate::audience::setting::{parse_time, parse_zone};
pub use backup::BackupFlags;
pub use first_key::FirstKeyFlags;
pub use general::{GeneralFlags, LogFormat};
pub use transfer::TransferSettings;

/// Which Postgres holds the data.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// The Postgres to use, such as `postgres://user:password@host/database`; without it Rollcall runs its own.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,

    /// The directory of Rollcall's own Postgres; by default the user's data directory, and `/var/lib/rollcall` as root.
    #[arg(long, env = "ROLLCALL_DATA_DIR", global = true)]
    pub data_dir: Option<PathBuf>,

    /// The largest number of connections to Postgres that requests share.
    #[arg(
        long,
        env = "ROLLCALL_CONNECTIONS",
        default_value_t = 10,
        global = true
    )]
    pub connections: u32,
}

/// When and how segments are refreshed.
#[derive(Debug, Clone, Args)]
pub struct ScheduleSettings {
    /// The time zone in which days begin and end, an IANA name such as Europe/Vilnius. Used at the first start (UTC if
    /// absent); `rollcall settings set` changes it later.
    #[arg(long, env = "ROLLCALL_TIME_ZONE", value_parser = parse_zone, global = true)]
    pub time_zone: Option<Tz>,

    /// The wall-clock time of the daily refresh in that zone. Used at the first start (03:00 if absent); `rollcall settings
    /// set` changes it later.
    #[arg(long, env = "ROLLCALL_REFRESH_AT", value_parser = parse_time, global = true)]
    pub refresh_at: Option<NaiveTime>,

    /// How many days to keep the changes of segments: who joined and who left. Used at the first start (400 if absent);
    /// `rollcall settings set` changes it later.
    #[arg(
        long,
        env = "ROLLCALL_KEEP_CHANGES",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(0..=i64::from(setting::MAX_DAYS)),
        global = true
    )]
    pub keep_changes: Option<u32>,

    /// How many days entries of the audit log are kept, at least 30. Used at the first start (730 if absent);
    /// `rollcall settings set` changes it later.
    #[arg(
        long,
        env = "ROLLCALL_KEEP_AUDIT",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(i64::from(setting::MIN_AUDIT_DAYS)..=i64::from(setting::MAX_DAYS)),
        global = true
    )]
    pub keep_audit: Option<u32>,

    /// How many parts of the audience are evaluated at the same time; by default one for each core.
    #[arg(long, env = "ROLLCALL_WORKERS", value_parser = clap::value_parser!(u16).range(1..=64), global = true)]
    pub workers: Option<u16>,

    /// How many seconds the conditions of one rule may take in one refresh, summed over all workers. A rule that takes
    /// longer makes its segment INVALID (TOO_SLOW).
    #[arg(
        long,
        env = "ROLLCALL_RULE_BUDGET",
        value_name = "SECONDS",
        default_value_t = RULE_BUDGET.as_secs() as u32,
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        global = true
    )]
    pub rule_budget: u32,
}

/// How imports are run.
#[derive(Debug, Clone, Args)]
pub struct ImportFlags {
    /// The directory where uploaded files wait to be imported, for one database only; by default `spool` in the data
    /// directory.
    #[arg(long, env = "ROLLCALL_SPOOL_DIR", global = true)]
    pub spool_dir: Option<PathBuf>,

    /// The largest file that can be uploaded for an import, in megabytes.
    #[arg(
        long,
        env = "ROLLCALL_MAX_UPLOAD",
        default_value_t = 2_048,
        value_name = "MEGABYTES",
        global = true
    )]
    pub max_upload: u64,

    /// How many days an import or a bulk action can be undone. Used at the first start (30 if absent);
    /// `rollcall settings set` changes it later.
    #[arg(
        long,
        env = "ROLLCALL_KEEP_UNDO",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(0..=i64::from(setting::MAX_DAYS)),
        global = true
    )]
    pub keep_undo: Option<u32>,
}

impl ImportFlags {
    /// Returns the given flags that are stored as settings of the database.
    pub fn given(&self) -> Vec<GivenSetting> {
        let keep_undo = self.keep_undo.iter();
        keep_undo
            .map(|days| (SettingKey::KeepUndo, days.to_string()))
            .collect()
    }

    /// Returns the settings of imports. By default uploaded files wait in the data directory, in one directory per
    /// database, so that one server never deletes another's uploads as leftovers.
    pub fn settings(
        &self,
        clock: Clock,
        data_dir: &Path,
        database: &DatabaseSettings,
    ) -> ImportSettings {
        let dir = self.spool_dir.clone().unwrap_or_else(|| {
            let spool = data_dir.join("spool");
            match &database.database_url {
                None => spool,
                // The address without user and password, which may change.
                Some(url) => {
                    let address = url.rsplit('@').next().unwrap_or_default();
                    spool.join(format!("{:016x}", XxHash64::oneshot(0, address.as_bytes())))
                }
            }
        });
        ImportSettings {
            clock,
            spool: Spool::new(dir, self.max_upload.saturating_mul(1_000_000)),
            batch_rows: BATCH_ROWS,
            is_stopping: Arc::default(),
        }
    }
}

/// Which URLs webhooks may have.
#[derive(Debug, Clone, Default, Args)]
pub struct WebhookFlags {
    /// Allow webhooks over plain http. Their messages can then be read on the network.
    #[arg(long, env = "ROLLCALL_WEBHOOK_ALLOW_HTTP", global = true)]
    pub webhook_allow_http: bool,

    /// Allow webhooks to private networks and to this machine. Administrators of the API can then send requests to
    /// everything that this server can reach.
    #[arg(long, env = "ROLLCALL_WEBHOOK_ALLOW_PRIVATE", global = true)]
    pub webhook_allow_private: bool,
}

impl WebhookFlags {
    /// Returns the settings of webhooks for a server with this base path.
    pub fn settings(&self, base_path: String) -> WebhookSettings {
        let rules = SendRules {
            allow_http: self.webhook_allow_http,
            allow_private: self.webhook_allow_private,
        };
        WebhookSettings::new(rules, base_path)
    }
}

/// Where the server listens.
#[derive(Debug, Clone, Args)]
pub struct ListenSettings {
    /// The address and port to listen on. Addresses other than loopback need an API key.
    #[arg(long, env = "ROLLCALL_LISTEN", default_value = "127.0.0.1:7655", value_parser = parse_address)]
    pub listen: SocketAddr,

    /// The path below which everything is served, such as `/crm`, for a proxy that forwards whole paths. Without it,
    /// everything is served below `/`.
    #[arg(long, env = "ROLLCALL_BASE_PATH", value_name = "PATH", value_parser = parse_base_path)]
    base_path: Option<String>,

    /// An origin, such as `https://app.example.com`, whose pages may open WebSockets and send requests to a server
    /// without API keys. The server's own pages always may. Repeat the flag or use commas for several origins.
    #[arg(long, env = "ROLLCALL_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', value_parser = parse_origin)]
    pub allow_origin: Vec<String>,

    /// How much the requests of one API key may cost per minute. On a server without API keys, the limit applies to
    /// each address. Unlimited if absent.
    #[arg(long, env = "ROLLCALL_RATE_LIMIT", value_name = "COST_PER_MINUTE", value_parser = parse_count)]
    pub rate_limit: Option<NonZeroU32>,

    /// The address and port of `/metrics` for Prometheus, such as `127.0.0.1:9655`. Not served if absent. No API key is
    /// needed there.
    #[arg(long, env = "ROLLCALL_METRICS_LISTEN", value_name = "ADDRESS", value_parser = parse_address)]
    pub metrics_listen: Option<SocketAddr>,

    /// How many seconds the server keeps answering after SIGTERM. Meanwhile `/health/ready` answers 503, so that load
    /// balancers stop sending requests.
    #[arg(long, env = "ROLLCALL_DRAIN", value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=600))]
    pub drain: u16,

    /// How many WebSockets and event streams may be open at the same time.
    #[arg(
        long,
        env = "ROLLCALL_MAX_SOCKETS",
        value_name = "NUMBER",
        default_value = "1000",
        value_parser = parse_count
    )]
    pub max_sockets: NonZeroU32,

    /// How many WebSockets and event streams one API key may have open, or one address on a server without keys.
    #[arg(
        long,
        env = "ROLLCALL_MAX_SOCKETS_PER_CLIENT",
        value_name = "NUMBER",
        default_value = "100",
        value_parser = parse_count
    )]
    pub max_sockets_per_client: NonZeroU32,
}

impl ListenSettings {
    /// Returns the path below which everything is served, or an empty text if no base path is set.
    pub fn base_path(&self) -> String {
        self.base_path.clone().unwrap_or_default()
    }
}

/// Limits of requests, and how requests are answered.
#[derive(Debug, Clone, Args)]
pub struct AnswerSettings {
    /// The highest cost that an operation may have: about one point for each object that it can return.
    #[arg(long, env = "ROLLCALL_MAX_COST", default_value_t = Limits::default().cost, value_name = "COST")]
    max_cost: u64,

    /// The largest size of an answer in MiB, counting its texts and JSON documents. Larger answers are refused with
    /// TOO_LARGE.
    #[arg(long, env = "ROLLCALL_MAX_ANSWER", default_value_t = 32, value_name = "MIB",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_answer: u16,

    /// How much memory large answers may take together, in MiB, while they are made and until they are read. Above this
    /// limit, answers of more than 1 MiB are refused with UNAVAILABLE.
    #[arg(long, env = "ROLLCALL_ANSWER_MEMORY", default_value_t = 128, value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    answer_memory: u32,

    /// How many seconds a request may take. After that, it and its statements are stopped with TIMEOUT.
    #[arg(long, env = "ROLLCALL_REQUEST_TIMEOUT", default_value_t = 30, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=3600))]
    request_timeout: u32,

    /// How many requests that read the whole audience, such as previews, run at the same time. Others wait.
    #[arg(long, env = "ROLLCALL_MAX_SCANS", default_value_t = 2, value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..=16))]
    max_scans: u16,

    /// How many requests that read the whole audience run at the same time for one API key. Up to a hundred more wait;
    /// the newest runs first.
    #[arg(long, env = "ROLLCALL_MAX_SCANS_PER_KEY", default_value_t = 1, value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..=16))]
    max_scans_per_key: u16,

    /// Hide the schema: no introspection and no suggestions of names.
    #[arg(long, env = "ROLLCALL_NO_INTROSPECTION")]
    no_introspection: bool,

    /// Execute only the documents of this folder: .graphql files, and .json manifests as Relay or Apollo write them.
    /// Without it, any document is executed.
    #[arg(long, env = "ROLLCALL_DOCUMENTS", value_name = "FOLDER")]
    documents: Option<PathBuf>,

    /// Which HTTP statuses report how a request went: `established`, or `draft` for the draft of August 2026.
    #[arg(
        long,
        env = "ROLLCALL_STATUS_CODES",
        value_enum,
        default_value_t,
        value_name = "WHICH"
    )]
    status_codes: StatusCodes,
}

/// Which HTTP statuses report how a request went.
///
/// The statuses changed while GraphQL over HTTP was drafted: <https://graphql.github.io/graphql-over-http/draft/>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum StatusCodes {
    /// 400 for a request that was not executed, or 200 to clients that accept only application/json.
    #[default]
    Established,
    /// The statuses of the draft of August 2026: 422 for a request that could be read and was not executed, 294 for an
    /// answer with errors, for all clients.
    Draft,
}

impl AnswerSettings {
    /// Returns how long a request may take.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout.into())
    }

    /// Returns which HTTP statuses report how a request went.
    pub fn status_codes(&self) -> StatusCodes {
        self.status_codes
    }

    /// Returns the settings of the API. Reads the folder of documents.
    ///
    /// # Errors
    /// [`AllowedDocumentsError`] if the folder cannot be used.
    pub fn api(&self) -> Result<ApiSettings, AllowedDocumentsError> {
        let folder = self.documents.as_deref();
        Ok(ApiSettings {
            limits: Limits {
                cost: self.max_cost,
                answer: usize::from(self.max_answer) << 20,
                answers: (self.answer_memory as usize) << 20,
                ..Limits::default()
            },
            is_closed: self.no_introspection,
            allowed: folder.map(AllowedDocuments::read).transpose()?,
            is_subgraph: false,
            base_path: String::new(),
            statement_timeout: Some(self.request_timeout()),
            scans: ScanLimits {
                at_once: self.max_scans.into(),
                per_key: self.max_scans_per_key.into(),
                timeout: self.request_timeout(),
                ..ScanLimits::default()
            },
        })
    }
}

/// Settings of Apollo Federation.
#[derive(Debug, Clone, Default, Args)]
pub struct FederationSettings {
    /// Also serve as a subgraph of Apollo Federation: subscribers, groups and segments are entities of a supergraph.
    #[arg(long, env = "ROLLCALL_FEDERATION")]
    pub federation: bool,
}

impl ScheduleSettings {
    /// Returns the settings of refreshes with this clock.
    pub fn refresh(&self, clock: Clock) -> RefreshSettings {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        RefreshSettings {
            workers: self.workers.map_or(cores, usize::from),
            clock,
            meter: Meter::default(),
            cancel: Default::default(),
            rule_budget: Duration::from_secs(self.rule_budget.into()),
        }
    }

    /// Returns the given flags that are stored as settings of the database.
    pub fn given(&self) -> Vec<GivenSetting> {
        let zone = self.time_zone.map(|zone| zone.name().to_owned());
        let at = self.refresh_at.map(|at| at.format("%H:%M").to_string());
        let keep_changes = self.keep_changes.map(|days| days.to_string());
        let keep_audit = self.keep_audit.map(|days| days.to_string());
        let given = [
            (SettingKey::TimeZone, zone),
            (SettingKey::RefreshAt, at),
            (SettingKey::KeepChanges, keep_changes),
            (SettingKey::KeepAudit, keep_audit),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }
}

pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an address and a port such as 127.0.0.1:7655 or [::1]:7655".to_owned()
    })
}

fn parse_count(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| format!("expected a number from 1 to {}", u32::MAX))
}

/// Parses the path below which everything is served. `/` means no such path.
pub(crate) fn parse_base_path(text: &str) -> Result<String, String> {
    let path = text.trim();
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let is_part = |part: &str| !["", ".", ".."].contains(&part) && part.bytes().all(is_plain);
    let is_path = path
        .strip_prefix('/')
        .is_some_and(|parts| parts.split('/').all(is_part));
    match path.is_empty() || is_path {
        true => Ok(path.to_owned()),
        false => Err(
            "expected a path such as /crm or /tools/crm, of letters, digits, -, _, . and ~"
                .to_owned(),
        ),
    }
}

/// Parses an origin into the form that browsers send: without a path, and without the default port of the scheme.
fn parse_origin(text: &str) -> Result<String, String> {
    let origin = text.trim().to_ascii_lowercase();
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    let is_origin =
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*', ' ']));
    if !is_origin {
        return Err("expected an origin such as https://app.example.com or http://localhost:3000, without a path".to_owned());
    }
    let usual = [("http://", ":80"), ("https://", ":443")];
    let bare = usual.iter().find_map(|(scheme, port)| {
        origin
            .starts_with(scheme)
            .then(|| origin.strip_suffix(port))?
    });
    Ok(bare.unwrap_or(&origin).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_plain_and_have_no_end() {
        for (text, path) in [
            ("", ""),
            ("/", ""),
            ("/crm", "/crm"),
            (" /tools/crm.v2/ ", "/tools/crm.v2"),
        ] {
            assert_eq!(parse_base_path(text).as_deref(), Ok(path), "{text}");
        }
        for text in [
            "crm",
            "//",
            "/crm//x",
            "/../x",
            "/./x",
            "/a b",
            "/a?b",
            "/a#b",
            "/{x}",
            "/a%2fb",
            "https://example.com/crm",
        ] {
            assert!(parse_base_path(text).is_err(), "{text}");
        }
    }
}
