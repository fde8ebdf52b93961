//! GraphiQL at `/graphiql`, served from the binary: nothing is loaded from another host.
//!
//! `build.rs` puts either the whole GraphiQL or a plain page that needs no package into `$OUT_DIR/graphiql`.
//! Both are an index page and files under `assets/` whose names carry a hash of their content.

use super::site::{BasePath, FOREVER, get_or_head, serve};
use actix_web::{
    HttpResponse,
    http::header,
    middleware::DefaultHeaders,
    web::{self, ServiceConfig},
};
use rust_embed::RustEmbed;
use std::borrow::Cow;

/// Where GraphiQL is. `web/graphiql/vite.config.js` has the same path in it.
const PATH: &str = "/graphiql";

/// What the pages may do: load files from this server and talk to it, over HTTP and WebSocket.
///
/// Monaco, GraphiQL's editor, writes `<style>` elements, and GraphiQL's style sheet has its fonts inside.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Other files may be cached, but the browser must ask each time whether they are current.
const ASK_EACH_TIME: &str = "no-cache";

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/graphiql"]
struct Site;

/// Which pages this binary serves at `/graphiql` and `/console/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagesKind {
    /// The console and the whole GraphiQL.
    Bundle,
    /// Plain pages: npm was missing or failed when Rollcall was built.
    Fallback,
}

/// Returns which pages this binary was built with.
pub fn kind() -> PagesKind {
    match env!("ROLLCALL_PAGES_KIND") {
        "bundle" => PagesKind::Bundle,
        _ => PagesKind::Fallback,
    }
}

/// Adds `/graphiql` and the files that the page loads to an application. `base_path` is the prefix of every path of the
/// server. It is empty if there is no prefix.
pub fn configure(config: &mut ServiceConfig, base_path: &str) {
    let base_path = web::Data::new(BasePath(base_path.to_owned()));
    let headers = DefaultHeaders::new()
        .add((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"));
    config.service(
        web::scope(PATH)
            .app_data(base_path)
            .wrap(headers)
            .service(web::resource("").route(get_or_head().to(index)))
            .service(web::resource("/").route(get_or_head().to(without_slash)))
            .service(web::resource("/{file:.*}").route(get_or_head().to(file))),
    );
}

/// How the built page names its assets: by absolute or by relative paths.
const ASSETS: [&str; 2] = ["\"/graphiql/assets/", "\"./assets/"];

/// Answers with the page, which holds the base path.
async fn index(base_path: web::Data<BasePath>) -> HttpResponse {
    let mut file = Site::get("index.html");
    if let Some(file) = &mut file {
        let mut page = base_path.write_into(&String::from_utf8_lossy(&file.data));
        for assets in ASSETS {
            page = page.replace(assets, &format!("\"{}{PATH}/assets/", base_path.0));
        }
        file.data = Cow::Owned(page.into_bytes());
    }
    serve(file, ASK_EACH_TIME)
}

async fn without_slash(base_path: web::Data<BasePath>) -> HttpResponse {
    HttpResponse::TemporaryRedirect()
        .insert_header((header::LOCATION, format!("{}{PATH}", base_path.0)))
        .finish()
}

async fn file(path: web::Path<String>) -> HttpResponse {
    match path.as_str() {
        "index.html" => serve(None, ASK_EACH_TIME),
        asset if asset.starts_with("assets/") => serve(Site::get(asset), FOREVER),
        other => serve(Site::get(other), ASK_EACH_TIME),
    }
}

#[cfg(test)]
mod tests {
    use super::super::site::trial::{self, Answer};
    use super::*;
    use actix_web::http::{Method, StatusCode};

    fn ask(method: Method, path: &str) -> Answer {
        ask_below("", method, path)
    }

    fn ask_below(base_path: &str, method: Method, path: &str) -> Answer {
        trial::ask(configure, base_path, method, path, "")
    }

    fn get(path: &str) -> Answer {
        ask(Method::GET, path)
    }

    fn index_page() -> String {
        String::from_utf8(get("/graphiql").body.to_vec()).unwrap()
    }

    /// The values of an attribute, wherever it is on a page.
    fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        let opening = format!(" {name}=\"");
        page.split(opening.as_str())
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect()
    }

    #[test]
    fn the_page_is_html_and_is_asked_for_each_time() {
        let page = get("/graphiql");
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(
            page.header(header::CONTENT_TYPE),
            "text/html; charset=utf-8"
        );
        assert_eq!(page.header(header::CACHE_CONTROL), "no-cache");
        assert!(index_page().contains("<title>Rollcall</title>"));
    }

    #[test]
    fn the_page_loads_only_from_this_server() {
        let page = index_page();
        let links = [attributes(&page, "src"), attributes(&page, "href")].concat();
        assert!(!links.is_empty());
        for link in links {
            assert!(
                link.starts_with("/graphiql/assets/") || link.starts_with("data:image/"),
                "{link}"
            );
        }
    }

    #[test]
    fn below_a_base_path_the_page_names_it() {
        let answer = ask_below("/crm", Method::GET, "/crm/graphiql");
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(page.contains(r#"<meta name="rollcall-base" content="/crm">"#));
        let scripts = attributes(&page, "src");
        assert!(!scripts.is_empty());
        for script in scripts {
            assert!(script.starts_with("/crm/graphiql/assets/"), "{script}");
            let found = ask_below("/crm", Method::GET, script);
            assert_eq!(found.status, StatusCode::OK, "{script}");
        }
        let redirect = ask_below("/crm", Method::GET, "/crm/graphiql/");
        assert_eq!(redirect.header(header::LOCATION), "/crm/graphiql");
        let outside = ask_below("/crm", Method::GET, "/graphiql");
        assert_eq!(outside.status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn every_script_is_a_file_of_its_own_as_the_policy_wants() {
        for script in index_page().split("<script ").skip(1) {
            let opening = script.split('>').next().unwrap();
            assert!(
                opening.contains("src=") || opening.contains("type=\"application/json\""),
                "<script {opening}>"
            );
        }
        assert!(!index_page().contains("<script>"));
    }

    #[test]
    fn assets_have_their_types_and_are_kept_forever() {
        let assets: Vec<_> = Site::iter()
            .filter(|name| name.starts_with("assets/"))
            .collect();
        assert!(!assets.is_empty());
        for name in assets {
            let asset = get(&format!("/graphiql/{name}"));
            assert_eq!(asset.status, StatusCode::OK, "{name}");
            assert_eq!(
                asset.header(header::CACHE_CONTROL),
                "public, max-age=31536000, immutable",
                "{name}"
            );
            let expected = match name.rsplit('.').next() {
                Some("js") => "text/javascript; charset=utf-8",
                Some("css") => "text/css; charset=utf-8",
                Some("ttf") => "font/ttf",
                _ => panic!("nobody thought of the type of {name}"),
            };
            assert_eq!(asset.header(header::CONTENT_TYPE), expected, "{name}");
            assert_eq!(*asset.body, *Site::get(&name).unwrap().data, "{name}");
        }
    }

    #[test]
    fn the_page_of_each_kind_is_the_one_that_was_built() {
        assert_eq!(
            kind() == PagesKind::Fallback,
            index_page().contains("This is the fall-back page")
        );
    }

    #[test]
    fn a_slash_at_the_end_leads_to_the_page() {
        let answer = get("/graphiql/");
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.header(header::LOCATION), "/graphiql");
    }

    #[test]
    fn everything_else_is_not_found() {
        for path in [
            "/graphiql/nothing",
            "/graphiql/index.html",
            "/graphiql/assets/",
            "/graphiql/assets/nothing.js",
            "/graphiql/assets/../index.html",
            "/graphiql/..%2f..%2fCargo.toml",
            "/graphiqlx",
            "/",
        ] {
            assert_eq!(get(path).status, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn only_reading_is_allowed() {
        assert_eq!(ask(Method::HEAD, "/graphiql").status, StatusCode::OK);
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            assert_eq!(
                ask(method, "/graphiql").status,
                StatusCode::METHOD_NOT_ALLOWED
            );
        }
    }

    #[test]
    fn every_answer_carries_the_policy() {
        for path in ["/graphiql", "/graphiql/", "/graphiql/nothing"] {
            let answer = get(path);
            let policy = answer.header(header::CONTENT_SECURITY_POLICY);
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{path}"
            );
            assert!(policy.contains("script-src 'self';"), "{path}");
            assert_eq!(
                answer.header(header::X_CONTENT_TYPE_OPTIONS),
                "nosniff",
                "{path}"
            );
        }
    }
}
