//! What the pages that are served from the binary have in common: the console and GraphiQL.

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, Route, guard};
use rust_embed::EmbeddedFile;
use std::borrow::Cow;

/// Caches may keep an asset for ever: an asset with other content has another name.
pub(super) const FOREVER: &str = "public, max-age=31536000, immutable";

/// The element of a page in which its scripts find the base path.
const PLACE: &str = r#"<meta name="rollcall-base" content="">"#;

/// The path below which everything is served. Empty if no base path is set.
pub(super) struct BasePath(pub(super) String);

impl BasePath {
    /// Writes the base path into its element of a page. A base path contains no character that must be escaped.
    pub(super) fn write_into(&self, page: &str) -> String {
        let place = PLACE.replace("content=\"\"", &format!("content=\"{}\"", self.0));
        page.replace(PLACE, &place)
    }
}

pub(super) fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Answers with a file of the binary.
pub(super) fn serve(file: Option<EmbeddedFile>, cache_control: &str) -> HttpResponse {
    let Some(file) = file else {
        return HttpResponse::NotFound()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish();
    };
    let mut content_type = file.metadata.mimetype().to_owned();
    if content_type.starts_with("text/") {
        content_type.push_str("; charset=utf-8");
    }
    let body = match file.data {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => Bytes::from(content),
    };
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, cache_control))
        .body(body)
}

/// Test requests to the pages, without a server.
#[cfg(test)]
pub(super) mod trial {
    use actix_web::App;
    use actix_web::http::header::{self, HeaderMap, HeaderName};
    use actix_web::http::{Method, StatusCode};
    use actix_web::rt::System;
    use actix_web::test as actix;
    use actix_web::web::{self, Bytes, ServiceConfig};

    pub(in super::super) struct Answer {
        pub(in super::super) status: StatusCode,
        pub(in super::super) headers: HeaderMap,
        pub(in super::super) body: Bytes,
    }

    impl Answer {
        /// Returns the value of a header, or an empty text if it is missing.
        pub(in super::super) fn header(&self, name: HeaderName) -> &str {
            self.headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
        }

        pub(in super::super) fn text(&self) -> &str {
            std::str::from_utf8(&self.body).unwrap()
        }
    }

    /// Sends a test request below a base path.
    pub(in super::super) fn ask(
        configure: fn(&mut ServiceConfig, &str),
        base_path: &str,
        method: Method,
        path: &str,
        encodings: &'static str,
    ) -> Answer {
        System::new().block_on(async {
            let scope = web::scope(base_path).configure(|config| configure(config, base_path));
            let app = actix::init_service(App::new().service(scope)).await;
            let request = actix::TestRequest::with_uri(path)
                .method(method)
                .insert_header((header::ACCEPT_ENCODING, encodings))
                .to_request();
            let response = actix::call_service(&app, request).await;
            let (status, headers) = (response.status(), response.headers().clone());
            Answer {
                status,
                headers,
                body: actix::read_body(response).await,
            }
        })
    }
}
