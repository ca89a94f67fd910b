/** The files in a drop: plain ones, and those in folders, however deep. */

// A folder dropped by mistake, such as a whole disk, must not hang the page.
const MOST_ENTRIES = 2000;

/**
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(transfer) {
  // Entries must be taken before the first pause: the browser empties the transfer when the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => !!entry);
  if (entries.length === 0) return [...transfer.files];
  /** @type {File[]} */
  const files = [];
  const left = [...entries];
  for (let seen = 0; left.length > 0 && seen < MOST_ENTRIES; seen += 1) {
    const entry = left.shift();
    if (entry?.isFile) files.push(await fileOf(/** @type {FileSystemFileEntry} */ (entry)));
    else if (entry) left.push(...(await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry))));
  }
  // Files such as .DS_Store come along with every folder; nobody means to ask about them.
  return files.filter((file) => !file.name.startsWith("."));
}

/** @returns {Promise<File>} */
function fileOf(/** @type {FileSystemFileEntry} */ entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** @returns {Promise<FileSystemEntry[]>} */
async function entriesOf(/** @type {FileSystemDirectoryEntry} */ directory) {
  const reader = directory.createReader();
  /** @type {FileSystemEntry[]} */
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0 || found.length >= MOST_ENTRIES) return found;
    found.push(...some);
  }
}
