//! The console at `/console/`, served from the binary: a page, and files under `assets/` whose names carry a hash of
//! their content.
//!
//! `build.rs` puts either the console or a plain page into `$OUT_DIR/console`. Assets are stored as they are, and also
//! as Brotli if that is smaller. Every path below `/console/` that is not an asset answers with the page, which reads
//! the path itself.

use super::site::{BasePath, FOREVER, get_or_head, serve};
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

/// Where the console is, below the base path.
const PATH: &str = "/console";

/// How the built page refers to its assets.
const RELATIVE_ASSETS: &str = "\"./assets/";

/// The element of the page in which its scripts find the nonce.
const NONCE: &str = r#"<meta property="csp-nonce" nonce="">"#;

/// How the fall-back page refers to GraphiQL.
const GRAPHIQL_LINK: &str = r#"href="./graphiql""#;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/console"]
struct Site;

/// Adds `/console/` and the files that the page loads to an application. `base_path` is the prefix of every path of the
/// server, such as `/crm`. It is empty if there is no prefix.
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

async fn with_slash(base_path: web::Data<BasePath>) -> HttpResponse {
    HttpResponse::TemporaryRedirect()
        .insert_header((header::LOCATION, format!("{}{PATH}/", base_path.0)))
        .finish()
}

/// Answers with the page. Each answer has a nonce of its own, for the style elements that scripts of the page make.
async fn page(base_path: web::Data<BasePath>) -> HttpResponse {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let Some(file) = Site::get("index.html") else {
        return serve(None, "no-store");
    };
    let BasePath(before) = &**base_path;
    let page = base_path
        .write_into(&String::from_utf8_lossy(&file.data))
        .replace(RELATIVE_ASSETS, &format!("\"{before}{PATH}/assets/"))
        .replace(GRAPHIQL_LINK, &format!("href=\"{before}/graphiql\""))
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

/// What the page may do: load files from this server and talk to it, over HTTP and WebSocket.
fn security_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
}

/// Answers with the Brotli form of an asset if the client accepts it. Other answers are compressed while they are sent.
async fn asset(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let name = format!("assets/{path}");
    let mut file = Site::get(&name);
    let small = Site::get(&format!("{name}.br")).filter(|_| accepts(&request, "br"));
    let is_small = small.is_some();
    if let (Some(file), Some(small)) = (&mut file, small) {
        // The type stays that of the asset itself.
        file.data = small.data;
    }
    let mut response = serve(file, FOREVER);
    let headers = response.headers_mut();
    if is_small {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
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

#[cfg(test)]
mod tests {
    use super::super::graphiql::{PagesKind, kind};
    use super::super::site::trial::{self, Answer};
    use super::*;
    use actix_web::http::{Method, StatusCode};

    fn ask(method: Method, path: &str, base_path: &str, encodings: &'static str) -> Answer {
        trial::ask(configure, base_path, method, path, encodings)
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
            let path = |path: &str| format!("{base_path}{path}");
            let page = ask(Method::GET, &path("/console/people/1"), base_path, "");
            assert!(
                page.text()
                    .contains(&format!(r#"name="rollcall-base" content="{base_path}""#))
            );
            assert!(!page.text().contains("\"./"), "{}", page.text());
            let assets = format!("\"{base_path}/console/assets/");
            assert_eq!(kind() == PagesKind::Bundle, page.text().contains(&assets));
            let redirect = ask(Method::GET, &path("/console"), base_path, "");
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
            let small = Site::get(&format!("{name}.br"));
            for (encodings, takes_brotli) in [
                ("gzip, deflate, br, zstd", true),
                ("gzip, br;q=0", false),
                ("", false),
            ] {
                let answer = ask(encodings);
                let sent = small.as_ref().filter(|_| takes_brotli);
                let coding = if sent.is_some() { "br" } else { "" };
                assert_eq!(answer.header(header::CONTENT_ENCODING), coding, "{name}");
                assert_eq!(answer.header(header::CACHE_CONTROL), FOREVER, "{name}");
                assert!(
                    !answer.header(header::CONTENT_TYPE).contains("octet"),
                    "{name}"
                );
                let whole = Site::get(&name).unwrap();
                assert_eq!(*answer.body, *sent.unwrap_or(&whole).data, "{name}");
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
        assert_eq!(is_fallback, kind() == PagesKind::Fallback);
    }
}
