/** Who is signed in: the API key of this tab, kept in sessionStorage only, so that it ends with the tab. */

const KEY = "fairlead.key";

/**
 * The tab's key, if any. Events: `change` after signing in or out, `refused` when the API does not accept the key
 * (detail: whether a key was sent at all).
 */
class Session extends EventTarget {
  get key() {
    return sessionStorage.getItem(KEY);
  }

  get signedIn() {
    return this.key !== null;
  }

  /** @param {string} key */
  signIn(key) {
    sessionStorage.setItem(KEY, key);
    this.dispatchEvent(new Event("change"));
  }

  /** Forget everything this tab holds, the conversation included: the next person may be someone else. */
  signOut() {
    sessionStorage.clear();
    this.dispatchEvent(new Event("change"));
  }

  /** The API answered 401 to a request that carried this key. */
  refuse(/** @type {string | null} */ key) {
    // A late answer to the old key says nothing about the new one.
    if (key === this.key) this.dispatchEvent(new CustomEvent("refused", { detail: { keySent: key !== null } }));
  }

  /**
   * The header that carries the key; it never goes into an address.
   *
   * @returns {Record<string, string>}
   */
  headers() {
    return this.key === null ? {} : { authorization: `Bearer ${this.key}` };
  }
}

export const session = new Session();
