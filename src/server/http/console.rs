//! The console at `/console/`, out of the binary: a page, and files under `assets/` whose names carry a hash of their
//! content.
//!
//! `build.rs` puts either the console or a plain page into `$OUT_DIR/console`. Assets are there three times: as they are,
//! as gzip and as Brotli. Every path below `/console/` that is no asset answers with the page, which reads the path itself.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;

/// Where the console is, below the base path.
const PATH: &str = "/console";

/// How the built page refers to its assets.
const RELATIVE_ASSETS: &str = "\"./assets/";

/// The places of the page that the server fills in.
const BASE_PATH: &str = r#"<meta name="rollcall-base" content="">"#;
const NONCE: &str = r#"<meta property="csp-nonce" nonce="">"#;
const GRAPHIQL_LINK: &str = r#"href="./graphiql""#;

/// The content of an asset never changes: another content has another name.
const FOREVER: &str = "public, max-age=31536000, immutable";

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/console"]
struct Site;

/// Adds `/console/` and what the page loads to an application. `base_path` stands before every path of the server, as
/// in `/crm`; it is empty where there is none.
pub fn configure(config: &mut ServiceConfig, base_path: &str) {
    let base_path = web::Data::new(BasePath(base_path.to_owned()));
    config.service(
        web::scope(PATH)
            .app_data(base_path)
            .service(web::resource("").route(get_or_head().to(with_slash)))
            .service(web::resource("/assets/{file:.*}").route(get_or_head().to(asset)))
            .service(web::resource("/{path:.*}").route(get_or_head().to(page))),
    );
}

/// The path before every path of this server.
struct BasePath(String);

fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn with_slash(base_path: web::Data<BasePath>) -> HttpResponse {
    HttpResponse::TemporaryRedirect()
        .insert_header((header::LOCATION, format!("{}{PATH}/", base_path.0)))
        .finish()
}

/// Answers with the page. Each answer has a nonce of its own, for the style elements that scripts of the page make.
async fn page(base_path: web::Data<BasePath>) -> HttpResponse {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let Some(file) = Site::get("index.html") else {
        return not_found();
    };
    let base_path = escape_attribute(&base_path.0);
    let page = String::from_utf8_lossy(&file.data)
        .replace(RELATIVE_ASSETS, &format!("\"{base_path}{PATH}/assets/"))
        .replace(GRAPHIQL_LINK, &format!("href=\"{base_path}/graphiql\""))
        .replace(
            BASE_PATH,
            &BASE_PATH.replace("content=\"\"", &format!("content=\"{base_path}\"")),
        )
        .replace(
            NONCE,
            &NONCE.replace("nonce=\"\"", &format!("nonce=\"{nonce}\"")),
        );
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, security_policy(&nonce)))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .body(page)
}

/// What the page may do: load what this server serves and talk to this server, over HTTP and WebSocket.
fn security_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
}

fn escape_attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

async fn asset(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let name = format!("assets/{path}");
    let Some(plain) = Site::get(&name) else {
        return not_found();
    };
    let mut content_type = plain.metadata.mimetype().to_owned();
    if content_type.starts_with("text/") {
        content_type.push_str("; charset=utf-8");
    }
    let (encoding, file) = choose_encoding(&request, &name, plain);
    let body = match file.data {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => Bytes::from(content),
    };
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, FOREVER))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // Said even for `identity`: what stands here is not compressed again.
        .insert_header((header::CONTENT_ENCODING, encoding))
        .body(body)
}

/// Returns the smallest form of an asset that the client takes.
fn choose_encoding(
    request: &HttpRequest,
    name: &str,
    plain: EmbeddedFile,
) -> (HeaderValue, EmbeddedFile) {
    for (coding, suffix) in [("br", "br"), ("gzip", "gz")] {
        if accepts(request, coding)
            && let Some(file) = Site::get(&format!("{name}.{suffix}"))
        {
            return (HeaderValue::from_static(coding), file);
        }
    }
    (HeaderValue::from_static("identity"), plain)
}

/// Returns whether the client names this coding and does not refuse it.
fn accepts(request: &HttpRequest, coding: &str) -> bool {
    let headers = request.headers().get_all(header::ACCEPT_ENCODING);
    let mut items = headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    items.any(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.trim().trim_start_matches("q=");
        name.trim().eq_ignore_ascii_case(coding) && quality.parse::<f32>().unwrap_or(1.0) > 0.0
    })
}

fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::super::graphiql::{Kind, kind};
    use super::*;
    use actix_web::App;
    use actix_web::http::header::{HeaderMap, HeaderName};
    use actix_web::http::{Method, StatusCode};
    use actix_web::rt::System;
    use actix_web::test as actix;

    struct Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    }

    impl Answer {
        fn header(&self, name: HeaderName) -> &str {
            self.headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
        }

        fn text(&self) -> &str {
            std::str::from_utf8(&self.body).unwrap()
        }
    }

    fn ask(method: Method, path: &str, base_path: &'static str, encodings: &str) -> Answer {
        System::new().block_on(async {
            let app = App::new().configure(|config| configure(config, base_path));
            let app = actix::init_service(app).await;
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

    fn get(path: &str) -> Answer {
        ask(Method::GET, path, "", "")
    }

    fn nonce_of(answer: &Answer) -> String {
        let (_, rest) = answer.text().split_once("nonce=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    #[test]
    fn every_path_of_the_console_is_its_page() {
        for path in [
            "/console/",
            "/console/segments",
            "/console/segments/a.b/edit",
        ] {
            let answer = get(path);
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(
                answer.header(header::CONTENT_TYPE),
                "text/html; charset=utf-8"
            );
            assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
            assert!(answer.text().contains("<title>Rollcall</title>"), "{path}");
        }
        let answer = get("/console");
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.header(header::LOCATION), "/console/");
    }

    #[test]
    fn the_policy_names_the_nonce_of_the_page_and_each_page_has_its_own() {
        let (one, other) = (get("/console/"), get("/console/"));
        let nonce = nonce_of(&one);
        assert_eq!(nonce.len(), 32);
        assert_ne!(nonce, nonce_of(&other));
        assert_eq!(
            one.header(header::CONTENT_SECURITY_POLICY),
            format!(
                "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; \
                 img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                 form-action 'self'"
            )
        );
    }

    #[test]
    fn the_page_knows_the_base_path_and_loads_its_assets_below_it() {
        for base_path in ["", "/crm"] {
            let page = ask(Method::GET, "/console/people/1", base_path, "");
            assert!(
                page.text()
                    .contains(&format!(r#"name="rollcall-base" content="{base_path}""#))
            );
            assert!(!page.text().contains("\"./"), "{}", page.text());
            let assets = format!("\"{base_path}/console/assets/");
            assert_eq!(kind() == Kind::Bundle, page.text().contains(&assets));
            let redirect = ask(Method::GET, "/console", base_path, "");
            assert_eq!(
                redirect.header(header::LOCATION),
                format!("{base_path}/console/")
            );
        }
    }

    #[test]
    fn assets_are_kept_forever_and_sent_compressed() {
        let scripts = Site::iter().filter(|name| name.ends_with(".js") || name.ends_with(".css"));
        for name in scripts {
            let ask = |encodings| ask(Method::GET, &format!("/console/{name}"), "", encodings);
            for (encodings, coding, file) in [
                ("gzip, deflate, br, zstd", "br", format!("{name}.br")),
                ("gzip, br;q=0", "gzip", format!("{name}.gz")),
                ("", "identity", name.to_string()),
            ] {
                let answer = ask(encodings);
                let expected = Site::get(&file).map_or("identity", |_| coding);
                assert_eq!(answer.header(header::CONTENT_ENCODING), expected, "{name}");
                assert_eq!(answer.header(header::CACHE_CONTROL), FOREVER, "{name}");
                let file = Site::get(&file).unwrap_or_else(|| Site::get(&name).unwrap());
                assert_eq!(*answer.body, *file.data, "{name}");
            }
        }
    }

    #[test]
    fn what_is_no_asset_is_not_found_and_only_reading_is_allowed() {
        for path in [
            "/console/assets/",
            "/console/assets/nothing.js",
            "/console/assets/../index.html",
            "/consolex",
        ] {
            assert_eq!(get(path).status, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(
            ask(Method::HEAD, "/console/", "", "").status,
            StatusCode::OK
        );
        let answer = ask(Method::POST, "/console/", "", "");
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn without_npm_the_page_says_what_is_missing() {
        let is_fallback = get("/console/")
            .text()
            .contains("This is the fall-back page");
        assert_eq!(is_fallback, kind() == Kind::Fallback);
    }
}
