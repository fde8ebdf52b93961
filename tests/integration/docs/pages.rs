//! Pages of documentation and their fenced blocks.

use std::path::{Path, PathBuf};

/// What opens and closes a block.
const FENCE: &str = "```";

/// Returns the directory of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A Markdown file.
pub struct Page {
    /// Its path from the root, such as `docs/rules.md`.
    pub name: String,
    pub text: String,
}

/// A fenced block of a page.
pub struct Block {
    /// The line of the page on which it begins, from 1.
    pub line: usize,
    /// The first word behind the fence, which tells how a page shows the block.
    pub language: String,
    /// The other words behind the fence. Readers do not see them; they tell the tests what to do with the block.
    pub label: String,
    pub text: String,
}

impl Block {
    /// Returns the first line, by which a block is recognised.
    pub fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

impl Page {
    /// Reads a page.
    #[track_caller]
    pub fn read(name: &str) -> Page {
        let text = std::fs::read_to_string(root().join(name));
        Page {
            name: name.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{name}: {error}")),
        }
    }

    /// Returns the fenced blocks in their order.
    #[track_caller]
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(Block, usize)> = None;
        for (position, line) in self.text.lines().enumerate() {
            let inner = line.trim_start();
            let place = format!("{}:{}", self.name, position + 1);
            match (&mut open, inner.strip_prefix(FENCE)) {
                (Some((block, _)), Some("")) => {
                    assert!(
                        !block.language.is_empty(),
                        "{place}: a block has no language"
                    );
                    blocks.extend(open.take().map(|(block, _)| block));
                }
                // Blocks in lists are indented as their fence is.
                (Some((block, indent)), _) => {
                    let line = line.get(*indent..).unwrap_or(inner);
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, Some(info)) => {
                    assert!(!info.starts_with('`'), "{place}: use three backticks");
                    let (language, label) = info.split_once(' ').unwrap_or((info, ""));
                    let block = Block {
                        line: position + 1,
                        language: language.to_owned(),
                        label: label.trim().to_owned(),
                        text: String::new(),
                    };
                    open = Some((block, line.len() - inner.len()));
                }
                (None, None) => {
                    let is_hidden = line.contains(FENCE) || inner.starts_with("~~~");
                    assert!(
                        !is_hidden,
                        "{place}: begin a block with ``` on a line of its own"
                    );
                }
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.name);
        blocks
    }

    /// Returns the text without the fenced blocks.
    pub fn prose(&self) -> String {
        let mut is_prose = true;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with(FENCE) {
                is_prose = !is_prose;
            } else if is_prose {
                prose.push_str(line);
                prose.push('\n');
            }
        }
        prose
    }
}

/// Returns every page: the README and what is in `docs` and `.github`, sorted by name.
pub fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned()];
    for dir in ["docs", ".github"] {
        collect(&root().join(dir), &mut names);
    }
    names.sort();
    names.iter().map(|name| Page::read(name)).collect()
}

fn collect(dir: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.strip_prefix(root()).expect("a path in the package");
            names.push(name.to_string_lossy().into_owned());
        }
    }
}
