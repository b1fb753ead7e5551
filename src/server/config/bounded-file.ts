import { open } from 'node:fs/promises'

/** All that is in a file of settings. Rejects when it is longer than `maxBytes`: a device or a pipe has no end, and a file may grow. */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const bytes = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (let read = -1; read !== 0; length += read) {
      read = (await handle.read(bytes, length, bytes.length - length, null)).bytesRead
      if (length + read > maxBytes) throw new Error(`longer than ${maxBytes} bytes`)
    }
    return bytes.subarray(0, length)
  } finally {
    await handle.close()
  }
}
