//! Documents that a request names instead of sending their text.
//!
//! A server keeps the documents that clients register by hash (automatic persisted queries, as Apollo's clients do:
//! <https://www.apollographql.com/docs/apollo-server/performance/apq>). A server with a folder of allowed documents
//! executes only these, and registers none.

use super::Refusal;
use crate::graphql::engine::code::ErrorCode;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many bytes of registered documents are kept.
const KEPT_TEXT: u64 = 4 << 20;
/// About how many registered documents are expected.
const EXPECTED: usize = 1_000;

/// How a request names a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By the SHA-256 of its text, in lower-case hexadecimal digits.
    Hash(String),
    /// By the name it has in a manifest of allowed documents.
    Name(String),
}

impl Reference {
    /// Reads a `documentId`: `sha256:` and a hash, or a name.
    pub fn parse(id: &str) -> Reference {
        match id.strip_prefix("sha256:") {
            Some(hash) => Reference::Hash(hash.to_ascii_lowercase()),
            None => Reference::Name(id.to_owned()),
        }
    }
}

/// The documents of a folder, which are then the only ones that may be executed.
#[derive(Debug, Clone, Default)]
pub struct AllowedDocuments {
    by_id: HashMap<String, Arc<str>>,
    texts: HashSet<Arc<str>>,
}

/// Why a folder of allowed documents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AllowedDocumentsError {
    /// The folder or a file in it cannot be read.
    #[error("\"{}\" cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// A `.json` file is not a manifest of a known form.
    #[error("\"{}\": expected {{\"id\": \"document\", …}} as Relay writes it, or {{\"operations\": [{{\"id\": …, \"body\": …}}]}} as Apollo does", .0.display())]
    NoManifest(PathBuf),
    /// The folder has no documents.
    #[error("\"{}\" has no file that ends with .graphql, .gql or .json", .0.display())]
    Empty(PathBuf),
}

impl AllowedDocuments {
    /// Reads a folder. Every `.graphql` or `.gql` file in it is a document; every `.json` file is a manifest as Relay
    /// or Apollo writes it.
    ///
    /// # Errors
    /// [`AllowedDocumentsError`].
    pub fn read(folder: &Path) -> Result<AllowedDocuments, AllowedDocumentsError> {
        let unreadable = |path: &Path, cause| AllowedDocumentsError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let entries = std::fs::read_dir(folder).map_err(|cause| unreadable(folder, cause))?;
        let mut allowed = AllowedDocuments::default();
        for entry in entries {
            let path = entry.map_err(|cause| unreadable(folder, cause))?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("graphql" | "gql" | "json")) {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(|cause| unreadable(&path, cause))?;
            if extension == Some("json") {
                let read = allowed.add_manifest(&text);
                read.ok_or(AllowedDocumentsError::NoManifest(path))?;
            } else {
                allowed.add(None, &text);
            }
        }
        if allowed.texts.is_empty() {
            return Err(AllowedDocumentsError::Empty(folder.to_owned()));
        }
        Ok(allowed)
    }

    fn add_manifest(&mut self, text: &str) -> Option<()> {
        let manifest: Value = serde_json::from_str(text).ok()?;
        match manifest.get("operations").and_then(Value::as_array) {
            Some(operations) => {
                for operation in operations {
                    self.add(Some(operation["id"].as_str()?), operation["body"].as_str()?);
                }
            }
            None => {
                for (id, document) in manifest.as_object()? {
                    self.add(Some(id), document.as_str()?);
                }
            }
        }
        Some(())
    }

    fn add(&mut self, id: Option<&str>, text: &str) {
        let exact = hash(text);
        let text: Arc<str> = text.trim().into();
        // A client may hash the text as it is in the file, or without leading and trailing white space.
        self.by_id.insert(exact, Arc::clone(&text));
        self.by_id.insert(hash(&text), Arc::clone(&text));
        if let Some(id) = id {
            self.by_id.insert(id.to_owned(), Arc::clone(&text));
        }
        self.texts.insert(text);
    }

    fn find(&self, text: Option<&str>, reference: Option<&Reference>) -> Result<Arc<str>, Refusal> {
        let found = match (reference, text) {
            (Some(Reference::Hash(id) | Reference::Name(id)), _) => self.by_id.get(id),
            (None, Some(text)) => self.texts.get(text.trim()),
            (None, None) => None,
        };
        found.cloned().ok_or_else(|| {
            let message =
                "this server executes only the documents in its folder, and this is not one of them";
            Refusal::new(ErrorCode::DocumentNotAllowed, message)
        })
    }
}

#[derive(Clone)]
struct ByText;

impl Weighter<String, Arc<str>> for ByText {
    fn weight(&self, _: &String, text: &Arc<str>) -> u64 {
        text.len() as u64 + 200
    }
}

/// The documents that requests may name.
pub struct Persisted {
    allowed: Option<AllowedDocuments>,
    registered: Cache<String, Arc<str>, ByText>,
}

impl Persisted {
    pub fn new(allowed: Option<AllowedDocuments>) -> Persisted {
        Persisted {
            allowed,
            registered: Cache::with_weighter(EXPECTED, KEPT_TEXT, ByText),
        }
    }

    pub fn find(
        &self,
        text: Option<&str>,
        reference: Option<&Reference>,
    ) -> Result<Arc<str>, Refusal> {
        if let Some(allowed) = &self.allowed {
            return allowed.find(text, reference);
        }
        match (text, reference) {
            (Some(text), None) => Ok(text.into()),
            (Some(text), Some(Reference::Hash(wanted))) if hash(text) == *wanted => Ok(text.into()),
            (Some(_), Some(Reference::Hash(_))) => {
                let message = "expected the SHA-256 of the document as its hash, found another";
                Err(Refusal::new(ErrorCode::BadRequest, message))
            }
            (None, Some(Reference::Hash(wanted))) => self.registered.get(wanted).ok_or_else(|| {
                // Clients recognise exactly this message.
                Refusal::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
            }),
            (_, Some(Reference::Name(_))) => {
                let message = "expected \"sha256:\" and a hash as \"documentId\": this server has no documents with names";
                Err(Refusal::new(ErrorCode::PersistedQueryNotFound, message))
            }
            (None, None) => {
                let message = "expected a JSON object with \"query\" and perhaps \"variables\", found no \"query\"";
                Err(Refusal::new(ErrorCode::BadRequest, message))
            }
        }
    }

    pub fn keep(&self, text: &Arc<str>, reference: &Reference) {
        if let (None, Reference::Hash(hash)) = (&self.allowed, reference) {
            self.registered.insert(hash.clone(), Arc::clone(text));
        }
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
