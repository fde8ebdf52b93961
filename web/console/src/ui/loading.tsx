import { useEffect, useState } from 'react';

/** Says that something is loading, after a moment: what comes at once should not flash. */
export function Loading({ what }: { what: string }) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 250);
    return () => clearTimeout(timer);
  }, []);
  return <p className="loading" role="status">{isSlow ? `Loading ${what}…` : ''}</p>;
}
