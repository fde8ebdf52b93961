//! Detects when an operation is idle: it can do nothing more before something is loaded.
//!
//! A loader then loads everything that was requested so far. It waits for no fixed time and no number of polls, so a
//! request takes the same number of statements on a busy machine as on an idle one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::coop::has_budget_remaining;

/// Whether an operation is idle, and the tasks that wait for it to be idle.
#[derive(Clone, Default)]
pub struct Idle(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_idle: bool,
    waiting: Vec<Waker>,
}

impl Idle {
    /// Waits until the operation is idle. Returns at once if it already is.
    pub async fn wait(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.is_idle {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Runs an operation and records when it is idle.
    pub async fn watch<F: Future>(self, operation: F) -> F::Output {
        let mut watch = Watch::new(self);
        let mut operation = pin!(operation);
        poll_fn(|context| watch.poll(context, |context| operation.as_mut().poll(context))).await
    }

    fn set(&self, is_idle: bool) {
        let waiting = {
            let mut state = self.lock();
            state.is_idle = is_idle;
            if is_idle {
                std::mem::take(&mut state.waiting)
            } else {
                Vec::new()
            }
        };
        for waker in waiting {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records whether the operation that it polls is idle. The operation also counts as idle once this is dropped, so that
/// no loader waits for ever.
pub struct Watch {
    idle: Idle,
    noted: Option<Arc<Noted>>,
}

impl Watch {
    /// Creates a watch that records in `idle`.
    pub fn new(idle: Idle) -> Watch {
        Watch { idle, noted: None }
    }

    /// Polls a part of an operation. The operation is then idle if it is pending and did not wake itself meanwhile.
    /// Long lists wake themselves to yield to other tasks.
    pub fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.idle.set(false);
        let noted = self.noted(context.waker());
        let result = poll(&mut Context::from_waker(&Waker::from(Arc::clone(&noted))));
        if result.is_pending() && !noted.was_woken.load(Ordering::Acquire) {
            if has_budget_remaining() {
                self.idle.set(true);
            } else {
                // tokio may have held back something that is ready, because the budget of the task is used up.
                context.waker().wake_by_ref();
            }
        }
        result
    }

    fn noted(&mut self, waker: &Waker) -> Arc<Noted> {
        match &self.noted {
            Some(noted) if noted.waker.will_wake(waker) => {
                noted.was_woken.store(false, Ordering::Release);
                Arc::clone(noted)
            }
            _ => {
                let noted = Arc::new(Noted {
                    was_woken: AtomicBool::new(false),
                    waker: waker.clone(),
                });
                self.noted = Some(Arc::clone(&noted));
                noted
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.idle.set(true);
    }
}

/// A waker that records whether it was used.
struct Noted {
    was_woken: AtomicBool,
    waker: Waker,
}

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Notify;

    /// The operation wakes itself a thousand times, and only then waits for the task that waits until it is idle.
    #[tokio::test]
    async fn an_operation_that_wakes_itself_is_not_idle() {
        let idle = Idle::default();
        let steps = Arc::new(AtomicUsize::new(0));
        let go_on = Arc::new(Notify::new());
        let waiting = {
            let (idle, steps, go_on) = (idle.clone(), Arc::clone(&steps), Arc::clone(&go_on));
            tokio::spawn(async move {
                idle.wait().await;
                go_on.notify_one();
                steps.load(Ordering::Relaxed)
            })
        };
        let operation = async {
            let mut step = 0;
            poll_fn(|context| {
                step += 1;
                steps.store(step, Ordering::Relaxed);
                if step == 1_000 {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            go_on.notified().await;
        };
        idle.watch(operation).await;
        assert_eq!(waiting.await.ok(), Some(1_000));
    }

    #[tokio::test]
    async fn an_operation_that_is_dropped_is_idle() {
        let idle = Idle::default();
        drop(idle.clone().watch(std::future::pending::<()>()));
        let watch = Watch::new(idle.clone());
        drop(watch);
        idle.wait().await;
    }
}
