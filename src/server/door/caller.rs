//! Who sends a request, and whose budget it counts for.

use crate::audience::actor::{Actor, Origin};
use crate::audience::api_key::Access;
use crate::graphql::{OperationKinds, RequestContext};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The client whose budget and sockets a request counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// The clients with this key.
    Key(i64),
    /// The clients at this address.
    Peer(IpAddr),
}

/// The caller of a request. The middleware [`admit`](super::access::admit) attaches it to every request to the API that
/// it admits; handlers take it as `ReqData<Caller>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// What the caller may do.
    pub access: Access,
    /// The address that the connection comes from: that of the proxy, if there is one.
    pub peer: IpAddr,
}

impl Caller {
    /// Returns the caller as the API needs it: with the id of the request and the operations that the request may have.
    pub fn context(&self, operations: OperationKinds, request_id: &Arc<str>) -> RequestContext {
        RequestContext {
            operations,
            access: self.access,
            request_id: Arc::clone(request_id),
            peer: Some(self.peer),
        }
    }

    /// Returns the actor and the address of a request, for the audit log.
    pub fn origin(&self, request_id: Arc<str>) -> Origin {
        Origin {
            actor: Actor::of(&self.access),
            peer: Some(self.peer),
            request_id: Some(request_id),
        }
    }

    /// Returns the client whose budget the request counts for: the API key, or the address if there is no key.
    pub fn client(&self) -> Client {
        let key = self.access.key_id.map(Client::Key);
        key.unwrap_or(Client::Peer(self.peer))
    }
}

/// Returns the IP address that a connection comes from.
pub fn peer(address: Option<SocketAddr>) -> IpAddr {
    let ip = address.map(|address| address.ip().to_canonical());
    // Connections over TCP always have an address.
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
