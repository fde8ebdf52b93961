// The client of the GraphQL API: queries over HTTP, subscriptions over one WebSocket that is opened when needed.
import type { Client as SocketClient } from 'graphql-ws';
import { Client, cacheExchange, fetchExchange, mapExchange, subscriptionExchange } from 'urql';
import { base, consoleHeader } from './place';

/** Returns the WebSocket's client. It is loaded when the first subscription starts. */
function lazySocket(): () => Promise<SocketClient> {
  let socket: Promise<SocketClient> | undefined;
  return () => {
    socket ??= import('graphql-ws').then(({ createClient }) => {
      const url = new URL(`${base}/graphql`, location.href);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      return createClient({ url: url.href, retryAttempts: 20, shouldRetry: () => true });
    }).catch((error: unknown) => {
      // The next subscription tries again.
      socket = undefined;
      throw error;
    });
    return socket;
  };
}

/** Makes a client with an empty cache. `onSignedOut` is called when the server wants a key or a session. */
export function createApiClient(onSignedOut: () => void): Client {
  const socket = lazySocket();
  return new Client({
    url: `${base}/graphql`,
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetchOptions: { headers: consoleHeader, credentials: 'same-origin' },
    exchanges: [
      mapExchange({
        onError(error) {
          const response = error.response as Response | undefined;
          if (response?.status === 401) onSignedOut();
        },
      }),
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (operation) => ({
          subscribe(sink) {
            let dispose: (() => void) | undefined;
            let isOver = false;
            void socket().then((client) => {
              if (isOver) return;
              const query = operation.query ?? '';
              dispose = client.subscribe({ query, variables: operation.variables }, {
                next: (result) => sink.next(result as Parameters<typeof sink.next>[0]),
                error: (error) => sink.error(error),
                complete: () => sink.complete(),
              });
            }).catch((error: unknown) => sink.error(error));
            return {
              unsubscribe() {
                isOver = true;
                dispose?.();
              },
            };
          },
        }),
      }),
    ],
  });
}
