/** The nonce of this page: style elements that carry it are let through by its policy. */
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

// Where the library that Radix locks scrolling with looks for it.
Object.assign(globalThis, { __webpack_nonce__: nonce });
