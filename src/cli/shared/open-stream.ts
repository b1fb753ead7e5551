import type { Socket } from 'node:net'
import type { HostPort } from '../../address.js'
import { Credentials } from '../../client/security/credentials.js'
import { openSocket } from '../../client/transport/link-socket.js'

export interface OpenStream {
  readonly stream: Socket
  readonly isSecure: boolean
  /** For the first line; undefined: there is no token. */
  readonly auth: string | undefined
}

/**
 * A connection on which a program asks by itself, without the library: TLS where that is asked for. Rejects when it does not stand
 * in time, and where the token must not be said.
 */
export async function openStream(
  address: HostPort,
  credentials: Credentials = Credentials.NONE,
  timeoutMs: number,
): Promise<OpenStream> {
  await credentials.refresh()
  const { stream, isSecure, host } = await new Promise<{ stream: Socket; isSecure: boolean; host: string }>(
    (resolve, reject) => {
      const timer = setTimeout(() => {
        giveUp()
        reject(new Error(`no connection in ${timeoutMs / 1000} s`))
      }, timeoutMs)
      const giveUp = openSocket(address, credentials.material, {
        opened: ({ tcp, stream, isSecure }) => {
          clearTimeout(timer)
          resolve({ stream, isSecure, host: tcp.remoteAddress ?? address.host })
        },
        failed: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
    },
  )
  try {
    return { stream, isSecure, auth: credentials.authOn({ isSecure, remote: { host, port: address.port } }) }
  } catch (error) {
    stream.destroy()
    throw error
  }
}
