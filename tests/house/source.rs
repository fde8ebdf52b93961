//! Reading sources: the modules of the crate, and the paths that each of them writes.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The rooms that are packages of their own: there, `crate` is the room.
const PACKAGES: [&str; 3] = ["evaluate", "rule", "text"];

/// A module of the house, with the paths that its code writes.
pub struct Module {
    /// Where it stands: `["graphql", "engine", "cost"]`.
    pub path: Vec<String>,
    /// Its file, below `src`.
    pub file: PathBuf,
    /// How many lines the file has.
    pub lines: usize,
    /// What it uses of this crate, from the root on.
    pub own: BTreeSet<Vec<String>>,
    /// The first names of all other paths: libraries, and names that `use` brought in.
    pub foreign: BTreeSet<String>,
    /// What it hands on: the name, and the module that has it.
    pub handed_on: HashMap<String, Vec<String>>,
}

/// Reads all modules of the crate.
pub fn modules() -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .into_iter()
        .map(|file| {
            let inside = file.strip_prefix(&root).expect("a source").to_path_buf();
            let text = std::fs::read_to_string(&file).expect("a text");
            read(&inside, &text)
        })
        .collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Reads one module.
pub fn read(file: &Path, text: &str) -> Module {
    let mut path: Vec<String> = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if ["mod", "lib", "main"].contains(&path.last().map_or("", String::as_str)) {
        path.pop();
    }
    let mut module = Module {
        path: path.clone(),
        file: file.to_path_buf(),
        lines: text.lines().count(),
        own: BTreeSet::new(),
        foreign: BTreeSet::new(),
        handed_on: HashMap::new(),
    };
    let tokens: TokenStream = text.parse().expect("Rust");
    read_tokens(tokens, &path, &mut module);
    module
}

/// Goes through code, within the module at `here`.
fn read_tokens(tokens: TokenStream, here: &[String], module: &mut Module) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut place = 0;
    while place < tokens.len() {
        match &tokens[place] {
            TokenTree::Ident(name) if !follows_colons(&tokens, place) => {
                let is_use = name == "use";
                let inner = inline_module(&tokens, place, here);
                if let Some((path, body)) = inner {
                    read_tokens(body, &path, module);
                    place += 3;
                    continue;
                }
                let start = if is_use { place + 1 } else { place };
                if is_use || colons(&tokens, place + 1) {
                    let is_public = is_use && place > 0 && is_public_end(&tokens[..place]);
                    let mut leaves = Vec::new();
                    let end = read_tree(&tokens, start, &[], &mut leaves);
                    for leaf in leaves {
                        note(&leaf, here, is_public, module);
                    }
                    place = end.max(place + 1);
                    continue;
                }
            }
            TokenTree::Group(group) => read_tokens(group.stream(), here, module),
            _ => {}
        }
        place += 1;
    }
}

/// `mod name { … }`: where that module stands, and its code.
fn inline_module(
    tokens: &[TokenTree],
    place: usize,
    here: &[String],
) -> Option<(Vec<String>, TokenStream)> {
    match (
        tokens.get(place)?,
        tokens.get(place + 1)?,
        tokens.get(place + 2)?,
    ) {
        (TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body))
            if word == "mod" =>
        {
            let mut path = here.to_vec();
            path.push(name.to_string());
            Some((path, body.stream()))
        }
        _ => None,
    }
}

/// Whether `pub`, or `pub(…)`, stands at the end.
fn is_public_end(tokens: &[TokenTree]) -> bool {
    match tokens {
        [.., TokenTree::Ident(word)] => word == "pub",
        [.., TokenTree::Ident(word), TokenTree::Group(_)] => word == "pub",
        _ => false,
    }
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn colons(tokens: &[TokenTree], place: usize) -> bool {
    is_colon(tokens.get(place)) && is_colon(tokens.get(place + 1))
}

fn follows_colons(tokens: &[TokenTree], place: usize) -> bool {
    place >= 2 && colons(tokens, place - 2)
}

/// Reads a path, or the tree of a `use`, and returns where it ends. A leaf is a path from its first name on.
fn read_tree(
    tokens: &[TokenTree],
    mut place: usize,
    before: &[String],
    leaves: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(place) {
            Some(TokenTree::Ident(name)) => {
                path.push(name.to_string());
                place += 1;
            }
            Some(TokenTree::Group(group)) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let parts = inner.split(
                    |token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','),
                );
                for part in parts.filter(|part| !part.is_empty()) {
                    read_tree(part, 0, &path, leaves);
                }
                return place + 1;
            }
            _ => break,
        }
        if !colons(tokens, place) {
            break;
        }
        place += 2;
    }
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    leaves.push(path);
    place
}

/// Keeps a path that was written within the module at `here`.
fn note(leaf: &[String], here: &[String], is_public: bool, module: &mut Module) {
    let Some(first) = leaf.first() else {
        return;
    };
    let mut rest = leaf;
    let mut at: Vec<String> = match first.as_str() {
        "crate" => here
            .first()
            .filter(|room| PACKAGES.contains(&room.as_str()))
            .cloned()
            .into_iter()
            .collect(),
        "super" | "self" => here.to_vec(),
        _ if first.starts_with("rollcall_") => {
            let mut path = leaf.to_vec();
            path[0] = first.trim_start_matches("rollcall_").to_owned();
            module.own.insert(path);
            return;
        }
        _ => {
            module.foreign.insert(first.clone());
            if is_public && leaf.len() > 1 {
                let mut from = here.to_vec();
                from.extend_from_slice(&leaf[..leaf.len() - 1]);
                module.handed_on.insert(leaf[leaf.len() - 1].clone(), from);
            }
            return;
        }
    };
    while let Some(word) = rest
        .first()
        .filter(|word| ["crate", "super", "self"].contains(&word.as_str()))
    {
        if word == "super" {
            at.pop();
        }
        rest = &rest[1..];
    }
    at.extend_from_slice(rest);
    module.own.insert(at);
}
