//! The media types of requests and answers: `Content-Type` and `Accept`.

use actix_web::http::header::{self, HeaderMap};

/// The media types of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`, for clients that know nothing newer.
    Json,
    /// `application/graphql-response+json`, whose status says whether the operation was executed.
    GraphqlResponse,
    /// `text/event-stream`, with one event for each answer.
    EventStream,
}

impl MediaType {
    /// Returns the value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            MediaType::Json => "application/json; charset=utf-8",
            MediaType::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            MediaType::EventStream => "text/event-stream",
        }
    }
}

/// Returns whether a body is JSON in UTF-8. A page of another site cannot send that without a preflight request.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let Some(content_type) = content_type.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => charset
            .trim()
            .trim_matches('"')
            .eq_ignore_ascii_case("utf-8"),
        _ => true,
    };
    is_json && parts.all(is_utf8)
}

/// Returns the media type that a request prefers. Among equals, the first one wins. Returns `None` if the request
/// accepts none of them.
pub fn choose(headers: &HeaderMap) -> Option<MediaType> {
    let mut accepted = headers.get_all(header::ACCEPT).peekable();
    if accepted.peek().is_none() {
        return Some(MediaType::Json);
    }
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let ranges = accepted
        .flat_map(|value| value.split(','))
        .filter_map(read_range);
    let mut best: Option<(f32, MediaType)> = None;
    for (weight, media_type) in ranges {
        if weight > 0.0 && best.is_none_or(|(other, _)| weight > other) {
            best = Some((weight, media_type));
        }
    }
    best.map(|(_, media_type)| media_type)
}

fn read_range(range: &str) -> Option<(f32, MediaType)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let media_type = match name.as_str() {
        "application/json" | "application/*" | "*/*" => MediaType::Json,
        "application/graphql-response+json" => MediaType::GraphqlResponse,
        "text/event-stream" => MediaType::EventStream,
        _ => return None,
    };
    let weight = parts.find_map(|part| {
        let (name, weight) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then(|| weight.trim().parse().ok())?
    });
    Some((weight.unwrap_or(1.0), media_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_form_that_is_liked_best() {
        let chosen = |values: &[&'static str]| choose(&headers(header::ACCEPT, values));
        let (json, graphql) = (Some(MediaType::Json), Some(MediaType::GraphqlResponse));
        assert_eq!(chosen(&[]), json);
        assert_eq!(chosen(&["*/*"]), json);
        assert_eq!(chosen(&["application/*; q=0.5"]), json);
        assert_eq!(chosen(&["application/json"]), json);
        assert_eq!(chosen(&["application/graphql-response+json"]), graphql);
        assert_eq!(
            chosen(&["APPLICATION/GraphQL-Response+JSON;charset=utf-8"]),
            graphql
        );
        assert_eq!(
            chosen(&["application/graphql-response+json, application/json;q=0.9"]),
            graphql
        );
        assert_eq!(
            chosen(&["application/graphql-response+json;q=0.8, application/json"]),
            json
        );
        assert_eq!(
            chosen(&["application/json, application/graphql-response+json"]),
            json
        );
        assert_eq!(
            chosen(&["text/html", "application/graphql-response+json"]),
            graphql
        );
        assert_eq!(chosen(&["text/event-stream"]), Some(MediaType::EventStream));
        assert_eq!(chosen(&["text/html,application/xhtml+xml,*/*;q=0.8"]), json);
        assert_eq!(chosen(&["application/json;q=0"]), None);
        assert_eq!(chosen(&["text/html, text/*"]), None);
        assert_eq!(chosen(&[""]), None);
    }

    #[test]
    fn only_json_in_utf_8_is_a_body() {
        let is_json = |values: &[&'static str]| is_json(&headers(header::CONTENT_TYPE, values));
        assert!(is_json(&["application/json"]));
        assert!(is_json(&["Application/JSON; charset=UTF-8"]));
        assert!(is_json(&["application/json; charset=\"utf-8\""]));
        assert!(!is_json(&[]));
        assert!(!is_json(&["application/json; charset=utf-16"]));
        assert!(!is_json(&["text/plain"]));
        assert!(!is_json(&["application/graphql"]));
        assert!(!is_json(&["application/jsonp"]));
    }
}
