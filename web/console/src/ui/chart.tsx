// Charts as plain SVG. Each has the same numbers as text beside it.
import { useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { formatNumber, useMoments } from './format';

export interface Point {
  start: string;
  memberCount: number;
}

/** At most this many points are drawn. */
const MOST = 400;

function thin<T>(points: readonly T[]): T[] {
  if (points.length <= MOST) return [...points];
  const step = (points.length - 1) / (MOST - 1);
  return Array.from({ length: MOST }, (_, index) => points[Math.round(index * step)]!);
}

/** Members over time, as small as a word. */
export function Sparkline({ points, from, to }: { points: readonly Point[]; from: string; to: string }) {
  if (points.length === 0) return <span className="hint">no refresh yet</span>;
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const counts = points.map((point) => point.memberCount);
  const most = Math.max(1, ...counts);
  // The shape is what a line of this size can show: it begins at the smallest count, not at none. Small changes stay small.
  const span = Math.max(most - Math.min(...counts), most / 5);
  const place = (point: Point) => {
    const x = Math.max(0, Math.min(1, (Date.parse(point.start) - begin) / (end - begin)));
    return [x * 100, 20 - (16 * (point.memberCount - most + span)) / span] as const;
  };
  const drawn = thin(points).map(place);
  const last = drawn.at(-1)!;
  const line = [...drawn, [100, last[1]] as const].map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(' ');
  return (
    <svg className="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={`${formatNumber(points[0]!.memberCount)} at first, ${formatNumber(points.at(-1)!.memberCount)} now`}>
      {drawn.length > 1 && <polygon className="area" points={`${drawn[0]![0]},24 ${line} 100,24`} />}
      <polyline points={line} />
      {drawn.length === 1 && <line x1="99" x2="100" y1={last[1]} y2={last[1]} className="dot" />}
    </svg>
  );
}

export interface GrowthPoint extends Point {
  joinedCount: number;
  leftCount: number;
}

const HEIGHT = 240;
const LEFT = 52;
const BOTTOM = 26;
const TOP = 12;

/** Returns how wide an element is, so that text in a drawing keeps its size. */
function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(720);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(240, entry.contentRect.width)));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}

/** Members over time, with who joined and left as bars. */
export function GrowthChart({ points, label }: { points: readonly GrowthPoint[]; label: string }) {
  const moments = useMoments();
  const [box, width] = useWidth();
  const titleId = useId();
  const drawn = useMemo(() => thin(points), [points]);
  const most = niceMost(Math.max(1, ...drawn.map((point) => point.memberCount)));
  const step = (width - LEFT - 12) / Math.max(1, drawn.length);
  const x = (index: number) => LEFT + step * (index + 0.5);
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const line = drawn.map((point, index) => `${x(index).toFixed(1)},${y(point.memberCount).toFixed(1)}`).join(' ');
  const ticks = [0, most / 2, most];
  const bar = Math.min(9, step * 0.35);
  const labelled = new Set([0, ...(width > 420 ? [Math.floor((drawn.length - 1) / 2)] : []), drawn.length - 1]);
  return (
    <div ref={box}>
    <svg className="growth" viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-labelledby={titleId}>
      <title id={titleId}>{label}</title>
      {ticks.map((tick) => (
        <g key={tick}>
          <line className="grid" x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
          <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end">{formatNumber(Math.round(tick))}</text>
        </g>
      ))}
      {drawn.map((point, index) => (
        <g key={point.start}>
          <Bar kind="joined" x={x(index) - bar} width={bar} top={y(point.joinedCount)} bottom={y(0)} />
          <Bar kind="left" x={x(index)} width={bar} top={y(point.leftCount)} bottom={y(0)} />
          <rect className="pointer" x={x(index) - step / 2} width={step} y={TOP} height={HEIGHT - TOP - BOTTOM}>
            <title>{`${moments.day(point.start)}: ${formatNumber(point.memberCount)} members, ${formatNumber(point.joinedCount)} joined, ${formatNumber(point.leftCount)} left`}</title>
          </rect>
          {labelled.has(index) && (
            <text x={x(index)} y={HEIGHT - 6} textAnchor={index === 0 && drawn.length > 2 ? 'start' : index === drawn.length - 1 && drawn.length > 2 ? 'end' : 'middle'}>{moments.day(point.start)}</text>
          )}
        </g>
      ))}
      <polygon className="area" points={`${x(0)},${y(0)} ${line} ${x(drawn.length - 1)},${y(0)}`} />
      <polyline className="members" points={line} />
      {drawn.length <= 60 && drawn.map((point, index) => <circle key={point.start} cx={x(index)} cy={y(point.memberCount)} r="2.5" />)}
    </svg>
    </div>
  );
}

function Bar({ kind, x, width, top, bottom }: { kind: 'joined' | 'left'; x: number; width: number; top: number; bottom: number }) {
  return <rect className={kind} x={x} width={width} y={top} height={Math.max(0, bottom - top)} />;
}

/** Returns a round number not below the value, for the top of an axis. */
function niceMost(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 5, 6, 8, 10].find((each) => each * power >= value) ?? 10;
  return Math.max(2, step * power);
}
