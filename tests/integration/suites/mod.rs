//! What other people's tools say of the server: audits, linters, compilers, clients, fuzzers and federation.

mod clients;
mod federation;
mod fuzz;
mod http;
mod mended;
mod schema;

/// Whether the HTTP handler speaks GraphQL over HTTP as it is written: GET, media types, status codes and server-sent
/// events. Until it does, the tests that need it are left out.
pub const SPEAKS_HTTP: bool = false;
