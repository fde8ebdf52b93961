//! The routes of the API. `door/access.rs` decides which requests are admitted.

use super::answer;
use crate::server::door::access;
use crate::server::socket::{upgrade, websocket};
use crate::server::state::State;
use actix_web::http::header;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, guard};

/// Adds the routes of the API.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/graphql")
                .wrap(from_fn(access::admit))
                .route(web::post().to(answer::post))
                .route(
                    web::get()
                        .guard(guard::fn_guard(upgrade::is_asked_for))
                        .to(websocket::open),
                )
                .route(web::get().to(answer::get))
                .default_service(web::to(answer::other_method)),
        )
        .route("", web::get().to(show_home))
        .route("/", web::get().to(show_home));
}

async fn show_home(state: web::Data<State>) -> HttpResponse {
    let base_path = &state.settings.base_path;
    HttpResponse::Found()
        .insert_header((header::LOCATION, format!("{base_path}/console/")))
        .finish()
}
