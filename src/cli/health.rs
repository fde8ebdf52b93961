//! `rollcall health`: whether a server on this machine is ready.

use super::terminal::say;
use crate::config::{parse_address, parse_base_path};
use anyhow::{Context, bail};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

/// How long to wait for the answer. The server answers within two seconds, even if its database does not.
const LIMIT: Duration = Duration::from_secs(5);

/// Arguments of `rollcall health`: where the server listens.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The address and port that the server got as `--listen`.
    #[arg(long, env = "ROLLCALL_LISTEN", default_value = "127.0.0.1:7655", value_parser = parse_address)]
    listen: SocketAddr,

    /// The path below which the server serves everything, such as `/crm`; none if absent.
    #[arg(long, env = "ROLLCALL_BASE_PATH", value_name = "PATH", value_parser = parse_base_path)]
    base_path: Option<String>,
}

/// Prints one line and returns 0 if the server is ready.
///
/// Fails if the server is not ready or does not answer; the message says why.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let address = reachable(arguments.listen);
    let base_path = arguments.base_path.as_deref().unwrap_or_default();
    let url = format!("http://{address}{base_path}/health/ready");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(LIMIT))
        .proxy(None)
        .build()
        .into();
    let mut answer = agent.get(&url).call().with_context(|| {
        format!("no server answers at {url}; start it, or name its address with --listen")
    })?;
    let status = answer.status().as_u16();
    let body: Option<Value> = answer.body_mut().read_json().ok();
    let text = |name: &str| body.as_ref()?.get(name)?.as_str();
    match (status, text("status"), text("reason")) {
        (200, Some("ready"), _) => {
            say("ready");
            Ok(ExitCode::SUCCESS)
        }
        (503, _, Some(reason)) => bail!("not ready: {reason}"),
        _ => bail!(
            "expected a Rollcall at {url}, found a server that answers with status {status}; check --listen and --base-path"
        ),
    }
}

/// Returns the address to connect to: the loopback address if the server listens on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:7655", "127.0.0.1:7655"),
            ("[::]:7655", "[::1]:7655"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), reached);
        }
    }
}
