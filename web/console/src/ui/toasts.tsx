// Short messages about what was done, read out politely.
import { useEffect, useSyncExternalStore } from 'react';
import { Icon } from './icon';

interface Toast {
  id: number;
  text: string;
}

const LIFETIME = 6000;

let toasts: Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Shows a message for some seconds. */
export function toast(text: string) {
  lastId += 1;
  set([...toasts.slice(-2), { id: lastId, text }]);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((each) => <ToastCard key={each.id} toast={each} />)}
    </div>
  );
}

function ToastCard({ toast }: { toast: Toast }) {
  const close = () => set(toasts.filter((each) => each.id !== toast.id));
  useEffect(() => {
    const timer = setTimeout(close, LIFETIME);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="toast">
      <Icon name="yes" />
      <span>{toast.text}</span>
      <button type="button" className="quiet icon-only" aria-label="Close the message" onClick={close}><Icon name="close" /></button>
    </div>
  );
}
