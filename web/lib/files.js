// Files as they are dropped: what kind they are, and many documents as one archive.

const EXAMPLES = ['jsonl', 'parquet', 'csv', 'tsv', 'json']
// Tables and JSON may be either; what decides is what the user says.
const EITHER = ['csv', 'tsv', 'json', 'jsonl']

export const extension = (name) => (/\.([^.]+)$/.exec(name)?.[1] ?? '').toLowerCase()
export const guessKind = (name) => (EXAMPLES.includes(extension(name)) ? 'jsonl' : 'rag')
export const isEither = (name) => EITHER.includes(extension(name))

/** Texts up to this size can be corrected in the page. */
export const EDITABLE_BYTES = 2_000_000

/** Every file of a drop, those in folders included, with the path it has there. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }))
  const found = []
  async function walk(entry, path) {
    if (entry.name.startsWith('.')) return
    if (entry.isFile) {
      found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path: path + entry.name })
      return
    }
    const reader = entry.createReader()
    // A folder is read in portions until there are none left.
    for (;;) {
      const portion = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
      if (!portion.length) break
      for (const inner of portion) await walk(inner, `${path}${entry.name}/`)
    }
  }
  for (const entry of entries) await walk(entry, '')
  return found
}

/**
 * Several files as one tar archive (POSIX ustar: 512-byte headers, contents padded to 512).
 * A path that is too long for the header's two fields keeps its end.
 */
export function tar(files) {
  const parts = []
  const text = new TextEncoder()
  for (const { file, path } of files) {
    const header = new Uint8Array(512)
    const put = (value, at, length) => header.set(text.encode(value).subarray(0, length), at)
    const octal = (value, at, length) => put(value.toString(8).padStart(length - 1, '0'), at, length)
    let [name, prefix] = [text.encode(path), new Uint8Array(0)]
    if (name.length > 100) {
      const cut = path.lastIndexOf('/')
      const [folder, own] = [text.encode(path.slice(0, Math.max(cut, 0))), text.encode(path.slice(cut + 1))]
      if (own.length <= 100 && folder.length <= 155) [name, prefix] = [own, folder]
      else name = name.slice(-100)
    }
    header.set(name, 0)
    octal(0o644, 100, 8)
    octal(0, 108, 8)
    octal(0, 116, 8)
    octal(file.size, 124, 12)
    octal(Math.floor(file.lastModified / 1000), 136, 12)
    put('        ', 148, 8)
    put('0', 156, 1)
    put('ustar', 257, 5)
    put('00', 263, 2)
    header.set(prefix, 345)
    octal(header.reduce((sum, byte) => sum + byte, 0), 148, 7)
    parts.push(header, file, new Uint8Array((512 - (file.size % 512)) % 512))
  }
  parts.push(new Uint8Array(1024))
  return new Blob(parts)
}
