/** Version 2 of the PROXY protocol, as a relay writes it: over TCP and IPv4 unless told otherwise. */
export function version2(parts: {
  readonly command?: number
  readonly family?: number
  readonly addresses: readonly number[]
}): Buffer {
  const { command = 0x21, family = 0x11, addresses } = parts
  const length = Buffer.alloc(2)
  length.writeUInt16BE(addresses.length)
  return Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n'),
    Buffer.of(command, family),
    length,
    Buffer.from(addresses),
  ])
}
