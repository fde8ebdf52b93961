import { useEffect, useId, useRef, type ReactNode } from 'react';
import { Icon } from './icon';

interface Props {
  title: string;
  children: ReactNode;
  onClose(): void;
  wide?: boolean;
}

/** A modal dialog. It is open as long as it is rendered; Escape and the button close it. */
export function Dialog({ title, children, onClose, wide = false }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const element = dialog.current!;
    if (!element.open) element.showModal();
    // The first field, not the button that closes.
    element.querySelector<HTMLElement>('input, select, textarea')?.focus();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={wide ? 'wide' : undefined}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div className="dialog-body">
        <div className="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <button type="button" className="quiet icon-only" aria-label="Close" onClick={onClose}><Icon name="close" /></button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
