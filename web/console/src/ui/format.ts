// Numbers, moments and shares in words.
import { useMemo } from 'react';
import { useShell } from '../api/shell';

const numbers = new Intl.NumberFormat('en');
const shares = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

export function formatNumber(value: number): string {
  return numbers.format(value);
}

export function formatShare(value: number): string {
  return shares.format(value);
}

/** Returns `1 person`, `2,357 people`. */
export function count(value: number, one: string, many: string): string {
  return `${formatNumber(value)} ${value === 1 ? one : many}`;
}

export function people(value: number): string {
  return count(value, 'person', 'people');
}

export interface Moments {
  /** `1 July 1998, 09:00`. */
  moment(iso: string): string;
  /** `1 July 1998`. */
  day(iso: string): string;
  /** `3 hours ago`. */
  ago(iso: string): string;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_556_952], ['month', 2_629_746], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60],
];

/** Writes moments in the server's time zone, relative to the server's clock. */
export function useMoments(): Moments {
  const { timeZone, now } = useShell();
  return useMemo(() => {
    const moments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone });
    const days = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone });
    return {
      moment: (iso) => moments.format(new Date(iso)),
      day: (iso) => days.format(new Date(iso)),
      ago(iso) {
        const seconds = (Date.parse(iso) - now().getTime()) / 1000;
        for (const [unit, length] of steps) {
          if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
        }
        return 'just now';
      },
    };
  }, [timeZone, now]);
}

/** How many people joined and left, in short. */
export function formatChange(change: { joinedCount: number; leftCount: number }): string {
  if (change.joinedCount === 0 && change.leftCount === 0) return 'unchanged';
  return `+${formatNumber(change.joinedCount)} −${formatNumber(change.leftCount)}`;
}
