//! The documentation tells the truth: examples run, tables are those of the code, links lead somewhere.
//!
//! The words behind the fence of a block say what happens to it; readers do not see them.
//!
//! | block | what is tested |
//! |---|---|
//! | `graphql` | a server executes it without errors; it accepts a subscription |
//! | `json answer` | the answer to the document before it; `"…"` stands for any value |
//! | `json rule` | can be saved as the rule of a segment |
//! | `sh` | a shell runs it; what it exports, later blocks find |
//! | `text output` | what the commands before it print; `…` stands for any text |
//! | `csv NAME`, `json NAME`, `toml NAME` | a file of that name, for the blocks behind it |
//! | `sql` | the database runs it |
//!
//! Any other block must be in [`NOT_RUN`] with a reason, and so must a block that cannot be run.

mod links;
mod pages;
mod tables;
mod world;

use pages::{Block, Page, pages};
use world::{Audience, World};

/// The blocks that are not run: page, how the first line begins, reason.
const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        ".github/CONTRIBUTING.md",
        "cargo run -- demo",
        "builds and stays",
    ),
    (
        ".github/CONTRIBUTING.md",
        "ROLLCALL_DOCS=write",
        "writes pages; the test that it runs compares them",
    ),
    (
        ".github/CONTRIBUTING.md",
        "cargo test --test language",
        "runs other tests",
    ),
    (
        ".github/CONTRIBUTING.md",
        "PATH=\"$(.ci/install-postgres 18):$PATH\"",
        "runs other tests",
    ),
    (
        ".github/CONTRIBUTING.md",
        "cargo build --release --locked",
        "builds packages, as root",
    ),
    (
        ".github/CONTRIBUTING.md",
        "ROLLCALL_OLD=path/to/the/old/rollcall",
        "needs the program of a release",
    ),
    (
        ".github/CONTRIBUTING.md",
        ".ci/run",
        "runs this test among others",
    ),
    (
        ".github/CONTRIBUTING.md",
        "cargo bench --bench refresh",
        "takes long, and prints times",
    ),
    (
        ".github/CONTRIBUTING.md",
        "cd tests/clients && npx graphql-inspector diff released.graphql ../../schema.graphql",
        "shows what changed; a test of the suites runs the same tool on the same files",
    ),
    ("README.md", "flowchart LR", "a drawing"),
    (
        "README.md",
        "cargo run --release -- demo",
        "builds and stays; the other blocks of the page run against the demo",
    ),
    ("README.md", "cargo test", "runs this test"),
    (
        "docs/README.md",
        "cargo build --release",
        "builds and stays; the blocks behind it run against such a server",
    ),
    (
        "docs/architecture.md",
        "flowchart TD",
        "a drawing; its paths are tested",
    ),
    (
        "docs/architecture.md",
        "sequenceDiagram",
        "a drawing; its paths are tested",
    ),
    (
        "docs/federation.md",
        "type Subscriber @key(fields: \"email\") {   # in the schema of your shop",
        "the schema of another subgraph, which the federation suite composes with ours",
    ),
    (
        "docs/operating.md",
        "rollcall restore audience.backup --data-dir elsewhere",
        "needs another database; tests of restores have one",
    ),
    (
        "docs/operating.md",
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 rollcall serve",
        "needs a collector; tests of traces have one",
    ),
    (
        "docs/operating.md",
        "install -m 755 rollcall /usr/bin/rollcall",
        "needs root and systemd; tests check the unit",
    ),
    (
        "docs/operating.md",
        "apt install ./rollcall_*.deb",
        "needs root and systemd; .ci/try-installed installs the package",
    ),
    (
        "docs/operating.md",
        "runuser -u rollcall",
        "needs root and the user of the service",
    ),
    (
        "docs/operating.md",
        ".ci/build-images",
        "needs root and a package; .ci/try-installed starts the image",
    ),
    (
        "docs/operating.md",
        "rollcall upgrade-database",
        "needs another PostgreSQL; tests of upgrades have one",
    ),
    (
        "docs/operating.md",
        "moved the cluster from",
        "the output of the command before it",
    ),
    (
        "docs/operating.md",
        "scrape_configs:",
        "of Prometheus; a test reads the metrics themselves",
    ),
    (
        "docs/operating.md",
        "rollcall serve",
        "stays; the other blocks of the page run against such a server",
    ),
    (
        "docs/webhooks.md",
        "{ \"type\": \"segment.members.changed\"",
        "a message, which the tests of webhooks compare",
    ),
    (
        "docs/webhooks.md",
        "import { Webhook } from 'standardwebhooks';",
        "a part of another program; the library verifies messages in the tests of webhooks",
    ),
    (
        "docs/tour.md",
        "cargo run --release -- demo",
        "builds and stays; the other blocks of the page run against the demo",
    ),
];

/// Whether a block is in [`NOT_RUN`].
fn is_excused(page: &str, block: &Block) -> bool {
    let mut excuses = NOT_RUN.iter();
    excuses.any(|(name, line, _)| *name == page && block.first_line().starts_with(line))
}

/// Runs the blocks of a page against a server of its own, unless all of them are excused.
#[track_caller]
fn check(name: &str, audience: Audience) {
    let page = Page::read(name);
    let blocks = page.blocks();
    if blocks.iter().any(|block| !is_excused(name, block)) {
        World::new(audience).run(&page);
    }
    for (_, line, _) in NOT_RUN.iter().filter(|(page, ..)| *page == name) {
        let is_there = blocks
            .iter()
            .any(|block| block.first_line().starts_with(line));
        assert!(
            is_there,
            "{name}: no block begins with {line}; take it out of NOT_RUN"
        );
    }
}

/// One test for each page, and their names.
macro_rules! tested {
    ($($test:ident: $page:literal, $audience:ident;)*) => {
        $(#[test]
        fn $test() {
            check($page, Audience::$audience);
        })*

        const TESTED: &[&str] = &[$($page),*];
    };
}

tested! {
    readme: "README.md", Demo;
    index: "docs/README.md", Empty;
    tour: "docs/tour.md", Demo;
    console: "docs/console.md", Small;
    rules: "docs/rules.md", Small;
    import: "docs/import.md", Small;
    export: "docs/export.md", Small;
    rights: "docs/rights.md", Small;
    history: "docs/history.md", Small;
    webhooks: "docs/webhooks.md", Small;
    keys: "docs/keys.md", Small;
    audit: "docs/audit.md", Small;
    federation: "docs/federation.md", Small;
    api: "docs/api.md", Small;
    settings: "docs/settings.md", Small;
    operating: "docs/operating.md", Small;
    architecture: "docs/architecture.md", Small;
    contributing: ".github/CONTRIBUTING.md", Small;
    security: ".github/SECURITY.md", Small;
    changelog: ".github/CHANGELOG.md", Small;
    pull_requests: ".github/pull_request_template.md", Small;
    why_bitmaps: ".github/decisions/0001-bitmaps.md", Small;
    why_no_sql: ".github/decisions/0002-no-sql-from-rules.md", Small;
    why_apollo: ".github/decisions/0003-apollo-compiler.md", Small;
    why_embedded: ".github/decisions/0004-embedded-postgres.md", Small;
    why_rice: ".github/decisions/0005-rice-codes.md", Small;
    why_by_statement: ".github/decisions/0006-references-by-statement.md", Small;
}

#[test]
fn every_page_is_tested() {
    let mut tested = TESTED.to_vec();
    tested.sort_unstable();
    let pages = pages();
    let pages: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    assert_eq!(pages, tested);
}

#[test]
fn every_excuse_is_of_a_page() {
    for (page, line, reason) in NOT_RUN {
        assert!(TESTED.contains(page), "{page}: {line}");
        assert!(!reason.is_empty(), "{page}: {line}");
    }
}
