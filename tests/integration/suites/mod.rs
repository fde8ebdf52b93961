//! What other people's tools say of the server: audits, linters, compilers, clients, fuzzers and federation.

mod clients;
mod federation;
mod fuzz;
mod http;
mod mended;
mod schema;
