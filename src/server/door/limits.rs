//! How much one client may take: cost per minute, the size of a body, and sockets.

use super::caller::Client;
use crate::graphql::{Prepared, Refusal};
use crate::metrics::{OpenSocket, metrics};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The largest body of a request, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// After how many checks the limiter forgets the clients whose budget is full again.
const TIDY_EVERY: u32 = 1_000;

/// A budget of cost per minute for every client. Unused budget is kept, up to one minute's worth.
pub struct Limiter {
    budgets: Option<Budgets>,
}

struct Budgets {
    per_minute: NonZeroU32,
    left: DefaultKeyedRateLimiter<Client>,
    checks: AtomicU32,
}

/// How long to wait until the same operation would be admitted, if the client sends nothing else meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// Returns the time in whole seconds, rounded up, for the header `Retry-After`.
    pub fn seconds(self) -> u64 {
        self.0.as_millis().div_ceil(1_000).try_into().unwrap_or(60)
    }
}

impl Limiter {
    /// Returns a limiter with that budget. Without a budget it admits everything.
    pub fn new(per_minute: Option<NonZeroU32>) -> Limiter {
        let budgets = per_minute.map(|per_minute| Budgets {
            per_minute,
            left: RateLimiter::keyed(Quota::per_minute(per_minute)),
            checks: AtomicU32::new(0),
        });
        Limiter { budgets }
    }

    /// Takes the cost of an operation from the budget of a client. A refused operation costs 1, because it was checked.
    ///
    /// # Errors
    /// [`RetryAfter`] if the budget is too small. Then nothing is taken.
    pub fn charge(
        &self,
        client: Client,
        prepared: &Result<Prepared, Refusal>,
    ) -> Result<(), RetryAfter> {
        let cost = prepared.as_ref().map_or(1, |prepared| prepared.cost.max(1));
        self.check(client, u32::try_from(cost).unwrap_or(u32::MAX))
    }

    /// Takes a cost from the budget of a client. A cost above the whole budget takes the whole budget.
    ///
    /// # Errors
    /// [`RetryAfter`] if the budget is too small. Then nothing is taken.
    pub fn check(&self, client: Client, cost: u32) -> Result<(), RetryAfter> {
        let (Some(budgets), Some(cost)) = (&self.budgets, NonZeroU32::new(cost)) else {
            return Ok(());
        };
        if budgets.checks.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            budgets.left.retain_recent();
        }
        let cost = cost.min(budgets.per_minute);
        match budgets.left.check_key_n(&client, cost) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_yet)) => {
                let wait = not_yet.wait_time_from(DefaultClock::default().now());
                Err(RetryAfter(wait.max(Duration::from_millis(1))))
            }
            // Cannot happen: the cost is at most the budget.
            Err(_) => Err(RetryAfter(Duration::from_secs(60))),
        }
    }
}

/// Counts the open sockets.
pub struct ConnectionPermits {
    per_server: usize,
    per_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<Client, usize>,
}

/// Why no more sockets can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The server has as many sockets as it may have.
    Server,
    /// The client has as many sockets as it may have.
    Client,
}

/// The permit of one open socket. Dropping it frees the permit.
pub struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    _counted: OpenSocket,
    client: Client,
}

impl ConnectionPermits {
    /// Returns permits for `per_server` connections, at most `per_client` of them for one client. None is taken.
    pub fn new(per_server: usize, per_client: usize) -> Arc<ConnectionPermits> {
        Arc::new(ConnectionPermits {
            per_server,
            per_client,
            taken: Mutex::default(),
        })
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(
        self: &Arc<ConnectionPermits>,
        client: Client,
        transport: &'static str,
    ) -> Result<ConnectionPermit, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.per_server {
            return Err(Full::Server);
        }
        taken.add(client, self.per_client)?;
        taken.all += 1;
        Ok(ConnectionPermit {
            permits: Arc::clone(self),
            _counted: metrics().open_socket(transport),
            client,
        })
    }
}

impl Taken {
    fn add(&mut self, client: Client, limit: usize) -> Result<(), Full> {
        let count = self.by.entry(client).or_default();
        if *count >= limit {
            return Err(Full::Client);
        }
        *count += 1;
        Ok(())
    }

    fn remove(&mut self, client: Client) {
        if let Some(count) = self.by.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.by.remove(&client);
            }
        }
    }
}

impl ConnectionPermit {
    /// Counts the socket for another client. The client may be known only once it has sent `connection_init`.
    ///
    /// # Errors
    /// [`Full`] if that client has as many sockets as it may have.
    pub fn move_to(&mut self, client: Client) -> Result<(), Full> {
        if client != self.client {
            let mut taken = self
                .permits
                .taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            taken.add(client, self.permits.per_client)?;
            taken.remove(self.client);
            self.client = client;
        }
        Ok(())
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self
            .permits
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.remove(self.client);
        taken.all -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const PEER: Client = Client::Peer(IpAddr::V4(Ipv4Addr::LOCALHOST));

    #[test]
    fn everybody_has_a_budget_of_their_own() {
        let limiter = Limiter::new(NonZeroU32::new(60));
        for _ in 0..6 {
            assert_eq!(limiter.check(Client::Key(1), 10), Ok(()));
        }
        let refused = limiter.check(Client::Key(1), 10).expect_err("used up");
        assert!((9..=10).contains(&refused.seconds()), "{refused:?}");
        assert_eq!(limiter.check(Client::Key(1), 0), Ok(()), "nothing is free");
        assert_eq!(limiter.check(Client::Key(2), 60), Ok(()));
        assert_eq!(limiter.check(PEER, 60), Ok(()));
        // A cost above the budget takes the whole budget.
        assert_eq!(limiter.check(Client::Key(3), 1_000_000), Ok(()));
        let refused = limiter.check(Client::Key(3), 1_000_000);
        assert!(refused.expect_err("used up").seconds() >= 59);
    }

    #[test]
    fn clients_with_a_whole_budget_are_forgotten() {
        let limiter = Limiter::new(NonZeroU32::new(60_000_000));
        for id in 0..10_000 {
            assert_eq!(limiter.check(Client::Key(id), 1), Ok(()));
        }
        let kept = limiter.budgets.as_ref().map(|budgets| budgets.left.len());
        assert!(kept.is_some_and(|kept| kept <= 1_000), "{kept:?}");
    }

    #[test]
    fn without_a_budget_everything_is_let_through() {
        let limiter = Limiter::new(None);
        assert_eq!(limiter.check(PEER, u32::MAX), Ok(()));
        assert_eq!(limiter.check(PEER, u32::MAX), Ok(()));
    }

    #[test]
    fn times_to_wait_are_rounded_up() {
        for (millis, seconds) in [(1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            let wait = RetryAfter(Duration::from_millis(millis));
            assert_eq!(wait.seconds(), seconds);
        }
    }

    #[test]
    fn sockets_are_counted_for_the_server_and_for_each_client() {
        let permits = ConnectionPermits::new(3, 2);
        let take = |client| permits.take(client, "websocket");
        let first = take(PEER).expect("a permit");
        let second = take(PEER).expect("a permit");
        assert_eq!(take(PEER).err(), Some(Full::Client));
        let third = take(Client::Key(1)).expect("a permit");
        assert_eq!(take(Client::Key(2)).err(), Some(Full::Server));
        drop(second);
        let mut again = take(Client::Key(1)).expect("a permit");
        assert_eq!(again.move_to(PEER), Ok(()));
        assert_eq!(again.move_to(PEER), Ok(()), "it is there already");
        let mut third = third;
        assert_eq!(third.move_to(PEER), Err(Full::Client));
        drop((first, again, third));
        let taken = permits.taken.lock().expect("the lock is not poisoned");
        assert_eq!((taken.all, taken.by.len()), (0, 0));
    }
}
