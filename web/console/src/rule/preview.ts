// Live counts: after a pause in typing the rule is counted. One request runs at a time; a newer one aborts the older.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useClient, type CombinedError } from 'urql';
import { graphql, type ResultOf } from '../api/graphql';
import { nodeAt, toCountable } from './countable';
import type { Branch } from './tree';

export const previewQuery = graphql(`
  query PreviewSegment($rule: JSON!, $compareTo: SegmentRef) {
    previewSegment(ruleJson: $rule, compareTo: $compareTo, first: 10) {
      asOf audienceCount memberCount share summary
      nodes { path kind text matchCount wanted }
      sample { id email firstName lastName status }
      difference {
        joiningCount leavingCount
        joining { id email firstName lastName }
        leaving { id email firstName lastName }
      }
      problems { path message hint code }
      warnings { path message hint }
    }
  }
`);

type Answer = ResultOf<typeof previewQuery>['previewSegment'];

export interface NodeCount {
  text: string;
  matchCount: number;
}

export interface Remark {
  id: number | undefined;
  text: string;
  hint: string | null;
}

export interface Preview {
  answer: Answer | null;
  /** What the server found at each node. */
  counts: Map<number, NodeCount>;
  problems: Remark[];
  warnings: Remark[];
  /** Conditions that are not counted, because a value is missing. */
  incomplete: number[];
  error: CombinedError | null;
  /** Whether the counts belong to an older rule than the shown one. */
  isOld: boolean;
  isCounting: boolean;
  /** Whether counting became too slow to follow typing. */
  isManual: boolean;
  countNow(): void;
}

/** The pause in typing after which the rule is counted, in milliseconds. */
const PAUSE = 350;
/** From this duration of a preview on, people ask for counts by a button. */
const SLOW = 2000;

interface Known {
  answer: Answer | null;
  counted: string | null;
  ids: Map<string, number>;
  error: CombinedError | null;
}

export function usePreview(root: Branch, compareTo: string | null): Preview {
  const client = useClient();
  const countable = useMemo(() => toCountable(root), [root]);
  const wanted = useMemo(() => JSON.stringify(countable.rule), [countable]);
  const [known, setKnown] = useState<Known>({ answer: null, counted: null, ids: new Map(), error: null });
  const [isCounting, setCounting] = useState(false);
  const [isManual, setManual] = useState(false);
  const running = useRef<{ stop(): void } | null>(null);
  const latest = useRef({ countable, wanted });
  latest.current = { countable, wanted };

  const countNow = useCallback(() => {
    running.current?.stop();
    const { countable, wanted } = latest.current;
    const startedAt = performance.now();
    setCounting(true);
    // Ending the subscription aborts the request.
    const source = client.query(
      previewQuery,
      { rule: countable.rule, compareTo: compareTo === null ? null : { key: compareTo } },
      { requestPolicy: 'network-only' },
    );
    let stop: (() => void) | null = null;
    let isOver = false;
    const { unsubscribe } = source.subscribe(({ data, error, stale }) => {
      if (isOver || stale) return;
      isOver = true;
      running.current = null;
      // Or every change of a person would count anew for each rule that was looked at.
      stop?.();
      setCounting(false);
      setManual(performance.now() - startedAt > SLOW);
      setKnown((before) => ({
        answer: data?.previewSegment ?? before.answer,
        counted: wanted,
        ids: countable.ids,
        error: error ?? null,
      }));
    });
    stop = unsubscribe;
    if (isOver) unsubscribe();
    else running.current = { stop: unsubscribe };
  }, [client, compareTo]);

  const isFirst = useRef(true);
  useEffect(() => {
    // What an older rule would answer is of no use any more.
    running.current?.stop();
    running.current = null;
    setCounting(false);
    if (wanted === known.counted || (isManual && !isFirst.current)) return undefined;
    const timer = setTimeout(countNow, isFirst.current ? 0 : PAUSE);
    isFirst.current = false;
    return () => clearTimeout(timer);
  }, [wanted, countNow]);
  useEffect(() => () => running.current?.stop(), []);

  return useMemo(() => {
    const { answer, ids, error } = known;
    const counts = new Map<number, NodeCount>();
    for (const { path, text, matchCount } of answer?.nodes ?? []) {
      const id = ids.get(path);
      if (id !== undefined) counts.set(id, { text, matchCount });
    }
    const remark = ({ path, message, hint }: { path: string; message: string; hint: string | null }) => ({
      id: nodeAt(ids, path), text: message, hint,
    });
    return {
      answer,
      counts,
      problems: (answer?.problems ?? []).map(remark),
      warnings: (answer?.warnings ?? []).map(remark),
      incomplete: countable.incomplete,
      error,
      isOld: known.counted !== wanted,
      isCounting,
      isManual,
      countNow,
    };
  }, [known, countable, wanted, isCounting, isManual, countNow]);
}
