//! The HTTP door, as clients and attackers meet it.

mod documents;
mod event_stream;
mod hostile;
mod persisted;
mod statuses;

use crate::support::Server;
use serde_json::Value;

/// What the newer clients accept.
const GRAPHQL: &str = "application/graphql-response+json";

/// A client that says exactly what it is told to.
struct Client {
    agent: ureq::Agent,
    url: String,
}

/// What came back.
struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.transpose().expect("text").unwrap_or_default()
    }

    /// The code of the first error.
    fn code(&self) -> String {
        let body = self.json();
        let code = body["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_default().to_owned()
    }
}

impl From<ureq::http::Response<ureq::Body>> for Answer {
    fn from(mut response: ureq::http::Response<ureq::Body>) -> Self {
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.body_mut().read_to_string().expect("text"),
        }
    }
}

impl Client {
    fn new(server: &Server) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0);
        Client {
            agent: config.build().into(),
            url: format!("http://{}/graphql", server.address),
        }
    }

    fn get(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(format!("{}{query}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call().expect("an answer").into()
    }

    fn post(&self, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(&self.url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body.as_bytes()).expect("an answer").into()
    }

    /// Asks as the newer clients do.
    fn ask(&self, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("accept", GRAPHQL)];
        self.post(&body.to_string(), &headers)
    }
}
