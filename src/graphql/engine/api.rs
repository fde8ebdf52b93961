//! The API as the server uses it: from the parameters of a request to its answer.

use super::answer_budget::AnswerBudget;
use super::answer_memory::{AnswerMemory, Holding};
use super::code::{ErrorCode, code_of, with_code};
use super::document::{AllowedDocuments, Documents, Limits, ReadyOperation, Refusal, list_first};
use super::error_paths::restore_path;
use super::idle::{Idle, Watch};
use super::loaders::request_loader;
use super::parameters::Parameters;
use crate::app::App;
use crate::audience::actor::{Actor, Origin};
use crate::audience::api_key::Access;
use crate::audience::refusals::Refused;
use crate::graphql::{RollcallSchema, build_schema, served_sdl};
use crate::metrics::metrics;
use crate::rule::bounded;
use crate::scan::{ScanLimits, Scans};
use crate::traces;
use apollo_compiler::ast::OperationType;
use async_graphql::futures_util::stream::{self, BoxStream, StreamExt};
use async_graphql::{Request, Response, ServerError, Value, Variables};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{Instrument, Span};

/// How many errors an answer lists: as many as an operation may have aliases, so that each alias can fail by itself.
const MAX_ERRORS: usize = 100;

/// The settings of the API: its limits, the documents it allows, and how it is served.
#[derive(Debug, Clone, Default)]
pub struct ApiSettings {
    /// The limits of documents and answers.
    pub limits: Limits,
    /// Whether the schema is hidden: no introspection, and no suggestions of names.
    pub is_closed: bool,
    /// The only documents that may be executed; `None` allows any document.
    pub allowed: Option<AllowedDocuments>,
    /// Whether the schema is that of a subgraph of Apollo Federation, too.
    pub is_subgraph: bool,
    /// The path below which the server is reached, such as `/crm`; empty if no base path is set.
    pub base_path: String,
    /// How long a statement of a request may take, if that is limited.
    pub statement_timeout: Option<Duration>,
    /// The limits of scans.
    pub scans: ScanLimits,
}

/// The schema, the application that it answers from, and the checks of documents.
pub struct Api {
    app: App,
    schema: RollcallSchema,
    documents: Documents,
    max_answer: usize,
    answer_memory: Arc<AnswerMemory>,
}

/// The kinds of operations that a transport accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKinds {
    /// Queries, which are safe to repeat.
    Query,
    /// Queries and mutations, which have one answer.
    Once,
    /// Queries, mutations and subscriptions.
    Stream,
}

/// The client of a request and the transport that the request came over.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The kinds of operations that the transport accepts.
    pub operations: OperationKinds,
    /// What the client may do.
    pub access: Access,
    /// The id of the request in the log.
    pub request_id: Arc<str>,
    /// The address from which the request came, if it came over a network.
    pub peer: Option<IpAddr>,
}

impl RequestContext {
    /// Returns the client and where the request came from, for the audit log.
    pub fn origin(&self) -> Origin {
        Origin {
            actor: Actor::of(&self.access),
            peer: self.peer,
            request_id: Some(Arc::clone(&self.request_id)),
        }
    }
}

/// An operation that is ready for execution.
pub struct Prepared {
    request: Request,
    finish: Finish,
    /// The cost of the operation.
    pub cost: u64,
}

/// An answer with its part of the memory of all answers. Keep it until the answer was handed to the client.
pub struct Answer {
    /// The data and errors.
    pub response: Response,
    /// The memory that the answer takes.
    pub holding: Holding,
}

/// A result of an operation that may have several.
pub enum Reply {
    /// An answer.
    Next(Box<Answer>),
    /// The only result: the request was refused, or not answered in time.
    Refused(Refusal),
}

impl Api {
    /// Creates the API of an application.
    pub fn new(mut app: App, settings: ApiSettings) -> Api {
        if let Some(timeout) = settings.statement_timeout {
            app.db = app.db.with_statement_timeout(timeout);
        }
        app.scans = Arc::new(Scans::new(settings.scans));
        Api {
            schema: build_schema(app.clone(), settings.is_subgraph, settings.base_path),
            documents: Documents::new(
                &served_sdl(settings.is_subgraph),
                settings.limits,
                !settings.is_closed,
                settings.allowed,
            ),
            max_answer: settings.limits.answer,
            answer_memory: AnswerMemory::new(settings.limits.answers),
            app,
        }
    }

    /// Returns the application.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Makes a request ready for execution.
    ///
    /// # Errors
    /// A [`Refusal`] if the request may not be executed.
    pub fn prepare(
        &self,
        parameters: Parameters,
        context: &RequestContext,
    ) -> Result<Prepared, Refusal> {
        let prepared = self.prepare_unnoted(parameters, context);
        if let Err(refusal) = &prepared {
            metrics().note_refused(refusal.code.as_str());
        }
        prepared
    }

    fn prepare_unnoted(
        &self,
        parameters: Parameters,
        context: &RequestContext,
    ) -> Result<Prepared, Refusal> {
        if let Some((path, message)) = &parameters.lost_digits {
            let message = format!("${path}: {message}");
            return Err(Refusal::new(ErrorCode::BadUserInput, message));
        }
        let reference = parameters.reference()?;
        let text = self
            .documents
            .find_text(parameters.query.as_deref(), reference.as_ref())?;
        let operation_name = parameters.operation_name.as_deref();
        let mut variables = parameters.variables;
        let ready =
            self.documents
                .prepare(&text, operation_name, &mut variables, context.access.scopes);
        let is_forbidden = |refusal: &Refusal| refusal.code == ErrorCode::Forbidden;
        if ready.as_ref().is_err_and(is_forbidden) {
            let actor = Actor::of(&context.access);
            self.app.refusals.note(Refused::Scope, actor, context.peer);
        }
        let ready = ready?;
        if let Some(reference) = &reference {
            self.documents.keep(&text, reference);
        }
        check_operation_kind(&ready, context.operations)?;
        let variables = Variables::from_json(serde_json::Value::Object(variables));
        let mut request = Request::new("").variables(variables);
        request.set_parsed_query(ready.translated);
        let told_cost = parameters.extensions.get("cost") == Some(&serde_json::Value::Bool(true));
        let memory = match ready.kind {
            // A mutation's answer is never refused for lack of memory: clients would send the mutation again.
            OperationType::Mutation => AnswerMemory::new(usize::MAX),
            _ => Arc::clone(&self.answer_memory),
        };
        let budget = match context.operations {
            OperationKinds::Stream => AnswerBudget::of_stream(self.max_answer, &memory),
            OperationKinds::Query | OperationKinds::Once => {
                AnswerBudget::new(self.max_answer, &memory)
            }
        };
        let idle = Idle::default();
        let span = match ready.kind {
            // A subscription lasts as long as its client likes, so it has no span.
            OperationType::Subscription => Span::none(),
            kind => traces::of_operation(word_of(kind), ready.name.as_deref()),
        };
        let loader = request_loader(self.app.clone(), context.origin(), idle.clone(), &span);
        Ok(Prepared {
            request: request
                .data(budget.clone())
                .data(loader)
                .data(context.origin())
                .data(context.access),
            cost: ready.cost,
            finish: Finish {
                told_cost: told_cost.then(|| (ready.cost, self.documents.cost_limit())),
                kind: ready.kind,
                budget,
                idle,
                changed: Arc::clone(&self.app.changed),
                webhooks_due: Arc::clone(&self.app.webhooks_due),
                request_id: Arc::clone(&context.request_id),
                span,
            },
        })
    }

    /// Answers a query or a mutation, with loaders that belong to it alone, so that no request sees what another has
    /// loaded.
    ///
    /// Must be called within a `LocalSet`, as the workers of actix are.
    pub async fn answer(&self, prepared: Prepared) -> Answer {
        execute(&self.schema, prepared.request, &prepared.finish).await
    }

    /// Answers an operation of any kind: a query or a mutation once, a subscription as often as something happens.
    ///
    /// The answers must be awaited within a `LocalSet`, as the workers of actix are.
    pub fn stream(&self, prepared: Prepared) -> BoxStream<'static, Reply> {
        let finish = prepared.finish;
        if finish.kind != OperationType::Subscription {
            return self.answer_once(prepared.request, finish);
        }
        let mut is_first = true;
        let mut watch = Watch::new(finish.idle.clone());
        let mut answers = self.schema.execute_stream(prepared.request).boxed();
        let answers = stream::poll_fn(move |context| {
            watch.poll(context, |context| answers.poll_next_unpin(context))
        });
        let answers = answers.map(move |response| {
            let is_broken_off = finish.is_broken_off();
            let Answer { response, holding } = finish.finish(response);
            let is_first = std::mem::take(&mut is_first);
            let has_failed = response.data == Value::Null && !response.errors.is_empty();
            if is_first && has_failed && !is_broken_off {
                Reply::Refused(Refusal {
                    code: ErrorCode::BadUserInput,
                    errors: response.errors,
                })
            } else {
                Reply::Next(Box::new(Answer { response, holding }))
            }
        });
        answers.boxed()
    }

    /// Answers a query or a mutation that came over a stream. Refuses it if it takes longer than the timeout.
    fn answer_once(&self, request: Request, finish: Finish) -> BoxStream<'static, Reply> {
        let (schema, limit) = (self.schema.clone(), self.app.scans.limits().timeout);
        let answer = async move {
            match timeout(limit, execute(&schema, request, &finish)).await {
                Ok(answer) => Reply::Next(Box::new(answer)),
                Err(_) => Reply::Refused(refuse_late(limit)),
            }
        };
        stream::once(answer).boxed()
    }
}

/// Executes a query or a mutation. A query is stopped as soon as its answer takes more than it may. A mutation is not,
/// so that it does not stop between two changes.
async fn execute(schema: &RollcallSchema, request: Request, finish: &Finish) -> Answer {
    let executed = finish.idle.clone().watch(schema.execute(request));
    let executed = executed.instrument(finish.span.clone());
    let mut noted = NotedOperation::begin(finish.kind, finish.span.clone());
    let response = if finish.kind == OperationType::Mutation {
        finish.finish(executed.await)
    } else {
        tokio::select! {
            response = executed => finish.finish(response),
            () = finish.budget.exceeded() => finish.finish(Response::new(Value::Null)),
        }
    };
    noted.outcome = if response.response.is_ok() {
        "ok"
    } else {
        "errors"
    };
    response
}

/// Records how long an operation takes. The operation counts as abandoned until its outcome is known.
struct NotedOperation {
    kind: OperationType,
    span: Span,
    began: Instant,
    outcome: &'static str,
}

impl NotedOperation {
    fn begin(kind: OperationType, span: Span) -> NotedOperation {
        NotedOperation {
            kind,
            span,
            began: Instant::now(),
            outcome: "abandoned",
        }
    }
}

impl Drop for NotedOperation {
    fn drop(&mut self) {
        let kind = word_of(self.kind);
        metrics().note_operation(kind, self.outcome, self.began.elapsed());
        traces::end_as(&self.span, self.outcome, self.outcome == "ok");
    }
}

fn word_of(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}

/// Returns the refusal of a request that was not answered in time.
pub fn refuse_late(limit: Duration) -> Refusal {
    let message = format!(
        "the request took longer than {} s and was stopped; request less at once",
        limit.as_secs()
    );
    Refusal::new(ErrorCode::Timeout, message)
}

fn check_operation_kind(ready: &ReadyOperation, operations: OperationKinds) -> Result<(), Refusal> {
    let message = match (ready.kind, operations) {
        (OperationType::Mutation, OperationKinds::Query) => {
            "expected POST for a mutation, found GET"
        }
        (OperationType::Subscription, OperationKinds::Query | OperationKinds::Once) => {
            "expected a WebSocket or \"Accept: text/event-stream\" for a subscription"
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(ErrorCode::OperationNotAllowed, message))
}

/// Completes the answers of an operation: their errors, cost and memory.
struct Finish {
    kind: OperationType,
    budget: AnswerBudget,
    idle: Idle,
    changed: Arc<Notify>,
    webhooks_due: Arc<Notify>,
    request_id: Arc<str>,
    span: Span,
    /// The cost and its limit, if the request asks for them.
    told_cost: Option<(u64, u64)>,
}

impl Finish {
    /// Completes an answer, or replaces it by one error if it takes too much. After a mutation, wakes the follower of
    /// instant segments and the webhook loop.
    fn finish(&self, response: Response) -> Answer {
        if self.kind == OperationType::Mutation {
            self.changed.notify_one();
            self.webhooks_due.notify_one();
        }
        let response = if self.budget.is_exceeded() {
            Response::from_errors(vec![self.too_large()])
        } else if self.budget.is_crowded_out() {
            Response::from_errors(vec![self.crowded_out()])
        } else {
            self.complete_all(response)
        };
        Answer {
            response: self.tell_cost(response),
            holding: self.budget.finish(),
        }
    }

    /// Returns whether the answer takes more than it may.
    fn is_broken_off(&self) -> bool {
        self.budget.is_exceeded() || self.budget.is_crowded_out()
    }

    fn complete_all(&self, mut response: Response) -> Response {
        let errors = std::mem::take(&mut response.errors);
        let told = list_first(MAX_ERRORS, errors, |error| error).into_iter();
        response.errors = told.map(|error| self.complete(error)).collect();
        response
    }

    /// Returns the only error of an answer that is too large.
    fn too_large(&self) -> ServerError {
        let changed = match self.kind {
            OperationType::Mutation => "; the changes were made",
            _ => "",
        };
        let message = format!(
            "expected an answer of at most {} MiB (--max-answer), found more{changed}; ask for fewer items or fields at once",
            self.budget.limit() >> 20
        );
        with_code(ServerError::new(message, None), ErrorCode::TooLarge)
    }

    /// Returns the only error of an answer that did not fit beside other answers.
    fn crowded_out(&self) -> ServerError {
        let message = format!(
            "large answers already use {} MiB together (the limit of --answer-memory); \
             try again in a moment, or request less at once",
            self.budget.limit_together() >> 20
        );
        with_code(ServerError::new(message, None), ErrorCode::Unavailable)
    }

    /// Adds the cost of the operation to an answer, if the request asks for it.
    fn tell_cost(&self, response: Response) -> Response {
        match self.told_cost {
            Some((cost, limit)) => response.extension(
                "cost",
                async_graphql::value!({"requested": cost, "limit": limit}),
            ),
            None => response,
        }
    }

    /// Gives a code to an error that has none because async-graphql made it. Such an error is about an argument of a
    /// field, since async-graphql gets only validated documents. An internal error also gets the id of the request in
    /// the log.
    fn complete(&self, mut error: ServerError) -> ServerError {
        restore_path(&mut error);
        let mut error = match code_of(&error) {
            Some(_) => error,
            None => with_code(error, ErrorCode::BadUserInput),
        };
        error.message = bounded(error.message);
        if code_of(&error) == Some(ErrorCode::Internal.as_str()) {
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("requestId", self.request_id.as_ref());
        }
        error
    }
}
