//! What pages point to exists.

use super::pages::{Page, pages, root};
use regex::Regex;
use std::path::{Path, PathBuf};

/// The most lines of the README: it is the way in, and the chapters say the rest.
const README_LINES: usize = 150;

/// Returns the anchors of a page, as GitHub makes them of headings.
fn anchors(page: &Page) -> Vec<String> {
    let prose = page.prose();
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            heading
                .chars()
                .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// Returns a path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("an expression");
    for page in pages() {
        for found in link.captures_iter(&page.prose()) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let dir = Path::new(&page.name).parent().unwrap_or(Path::new(""));
            let path = match path {
                "" => PathBuf::from(&page.name),
                path => plain(&dir.join(path)),
            };
            assert!(root().join(&path).exists(), "{}: {target}", page.name);
            if !anchor.is_empty() {
                let other = Page::read(&path.to_string_lossy());
                let anchors = anchors(&other);
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{}: {target}",
                    page.name
                );
            }
        }
    }
}

/// Returns the documentation of the crate as a page.
fn map() -> Page {
    let source = Page::read("src/lib.rs");
    let lines = source
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("//!"));
    Page {
        text: lines
            .map(|line| format!("{}\n", line.trim_start()))
            .collect(),
        ..source
    }
}

/// Paths are written from the root, those of sources also from `src`. A path with a placeholder such as `<noun>` or
/// `NNNN` is not one.
#[test]
fn paths_in_pages_and_drawings_exist() {
    let span = Regex::new("`([^`\n]+)`").expect("an expression");
    let path = Regex::new(
        r"^((src|tests|docs|web|benches|migrations|\.github|\.ci)(/[\w.-]+)*/?|[a-z_]+(/[a-z_]+)*/([a-z_]+\.rs)?|[a-z_]+\.rs)$",
    )
    .expect("an expression");
    let drawn = Regex::new(r"[a-z_]+(/[a-z_]+)*/[a-z_]+\.rs").expect("an expression");
    let exists = |path: &str| {
        let places = [root().to_owned(), root().join("src"), root().join("tests")];
        places.iter().any(|place| place.join(path).exists())
    };
    for page in pages().into_iter().chain([map()]) {
        let prose = page.prose();
        let spans = span.captures_iter(&prose).map(|found| found[1].to_owned());
        let mut paths: Vec<String> = spans.filter(|text| path.is_match(text)).collect();
        for block in page
            .blocks()
            .iter()
            .filter(|block| block.language == "mermaid")
        {
            paths.extend(
                drawn
                    .find_iter(&block.text)
                    .map(|found| found.as_str().to_owned()),
            );
        }
        for path in paths.iter().filter(|path| !path.contains("NNNN")) {
            assert!(exists(path), "{}: there is no {path}", page.name);
        }
    }
}

#[test]
fn the_index_and_the_crate_list_every_chapter() {
    let index = Page::read("docs/README.md").text;
    let readme = Page::read("README.md").text;
    let map = map().text;
    for page in pages() {
        let Some(chapter) = page
            .name
            .strip_prefix("docs/")
            .filter(|name| *name != "README.md")
        else {
            continue;
        };
        assert!(
            index.contains(&format!("]({chapter})")),
            "docs/README.md lacks {chapter}"
        );
        assert!(
            readme.contains(&format!("](docs/{chapter})")),
            "README.md lacks {chapter}"
        );
        // From target/doc/rollcall, where `cargo doc` puts the page.
        let link = format!("](../../../docs/{chapter})");
        assert!(map.contains(&link), "src/lib.rs lacks {chapter}");
    }
}

#[test]
fn the_readme_stays_short() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(
        lines <= README_LINES,
        "{lines} lines; move what is not the way in to a chapter"
    );
}
