//! The parts of a connection string as environment variables, so that other programs do not get the password on a
//! command line, which every user of the machine can read.

use crate::error::Error;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Returns the parts of a connection string, as a URL or as `name=value` pairs, under the names that PostgreSQL's programs
/// read from their environment.
///
/// # Errors
/// [`Error::Unavailable`] if the string cannot be read.
pub fn connection_variables(url: &str) -> Result<Vec<(String, String)>, Error> {
    // libpq's own message quotes the whole address, with the password.
    let wrong = || {
        Error::Unavailable(
            "expected an address such as postgres://user:password@host/database, found one that libpq cannot read"
                .to_owned(),
        )
    };
    let text = CString::new(url).map_err(|_| wrong())?;
    parse(&text).ok_or_else(wrong)
}

/// Parses the string with libpq: only libpq knows all parts of a connection string and their spelling.
#[expect(unsafe_code, reason = "libpq's parser has no safe form")]
fn parse(text: &CStr) -> Option<Vec<(String, String)>> {
    // SAFETY: `text` ends with a zero byte, and PQconninfoParse(3) takes null if no message is wanted.
    let options = unsafe { pq_sys::PQconninfoParse(text.as_ptr(), ptr::null_mut()) };
    let mut found = Vec::new();
    let mut option = options;
    // SAFETY: the pointer is null, or in an array that can be read up to an option without keyword.
    while let Some(one) = unsafe { option.as_ref() }.filter(|one| !one.keyword.is_null()) {
        found.extend(read(one.envvar).zip(read(one.val)));
        // SAFETY: this option is not the last one, so another follows.
        option = unsafe { option.add(1) };
    }
    if options.is_null() {
        return None;
    }
    // SAFETY: the array comes from libpq and is not used after this.
    unsafe { pq_sys::PQconninfoFree(options) };
    Some(found)
}

/// Copies a text of libpq. Returns `None` for a null pointer.
#[expect(unsafe_code, reason = "libpq hands out texts of C")]
fn read(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: it is not null, and libpq's texts end with a zero byte.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(url: &str) -> Vec<(String, String)> {
        let mut found = connection_variables(url).unwrap();
        found.sort();
        found
    }

    #[test]
    fn urls_and_pairs_become_variables() {
        let expected = [
            ("PGAPPNAME", "a b"),
            ("PGDATABASE", "audience"),
            ("PGHOST", "db.example.com"),
            ("PGPASSWORD", "p@ss:word"),
            ("PGPORT", "5433"),
            ("PGSSLMODE", "verify-full"),
            ("PGUSER", "ona"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            variables(
                "postgres://ona:p%40ss%3Aword@db.example.com:5433/audience?sslmode=verify-full&application_name=a%20b"
            ),
            expected
        );
        assert_eq!(
            variables(
                "host=db.example.com port=5433 user=ona password='p@ss:word' dbname=audience sslmode=verify-full application_name='a b'"
            ),
            expected
        );
    }

    #[test]
    fn wrong_addresses_are_refused_without_their_password() {
        for url in ["postgres://ona:secret@[::1/x", "host", "a\0b"] {
            let error = connection_variables(url).unwrap_err().to_string();
            assert!(error.contains("libpq cannot read"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
