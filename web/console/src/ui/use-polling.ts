// Asking again and again while something is awaited.
import { useEffect, useRef } from 'react';

/** How long to wait between two requests, in milliseconds. */
const PAUSE = 3_000;

/**
 * Calls a function every few seconds while something is awaited. A subscription alone does not do: the end may come before
 * it begins, or while its connection is lost.
 */
export function usePolling(isWaiting: boolean, ask: () => void): void {
  const latest = useRef(ask);
  useEffect(() => {
    latest.current = ask;
  });
  useEffect(() => {
    if (!isWaiting) return undefined;
    const timer = setInterval(() => latest.current(), PAUSE);
    return () => clearInterval(timer);
  }, [isWaiting]);
}
