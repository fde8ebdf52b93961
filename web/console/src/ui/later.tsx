// Pages whose scripts are loaded when they are needed. Not by React's `lazy`, which holds a page back for a third of a second
// once it has shown that it loads.
import { useEffect, useState, type ComponentType } from 'react';
import { Loading } from './loading';

/** Makes a component of one whose script is loaded when it is first shown, or when `begin` is called before. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>) {
  let Loaded: ComponentType<P> | null = null;
  let loading: Promise<void> | null = null;

  function begin(): Promise<void> {
    loading ??= load().then(
      (component) => { Loaded = component; },
      (error: unknown) => {
        // The next try loads again.
        loading = null;
        throw error;
      },
    );
    return loading;
  }

  function Later(props: P) {
    const [, setLoaded] = useState(Loaded !== null);
    const [failure, setFailure] = useState<unknown>(null);
    useEffect(() => {
      let isShown = true;
      begin().then(() => isShown && setLoaded(true), (error: unknown) => isShown && setFailure(error));
      return () => { isShown = false; };
    }, []);
    if (failure !== null) throw failure;
    return Loaded ? <Loaded {...props} /> : <Loading what="the page" />;
  }
  return Object.assign(Later, { begin });
}
