import { useMoments } from './format';

/** A moment: how long ago, with the exact time as a title; or the exact time itself. */
export function Moment({ at, exact = false }: { at: string; exact?: boolean }) {
  const moments = useMoments();
  return (
    <time dateTime={at} title={exact ? undefined : moments.moment(at)}>
      {exact ? moments.moment(at) : moments.ago(at)}
    </time>
  );
}
