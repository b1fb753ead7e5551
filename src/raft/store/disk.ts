/**
 * The seam below the store: a key-value database and a few files. Tests and the simulator put faults and crashes here;
 * everything above runs unchanged. Errors carry the `code` of the operating system or of LevelDB.
 */

export type DatabaseOperation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer }

export interface Database {
  /** All or nothing. With `sync`, on disk when it resolves. */
  write(operations: readonly DatabaseOperation[], sync: boolean): Promise<void>
  read(key: Buffer): Promise<Buffer | undefined>
  /** Every pair in the order of the keys, in steps of bounded size. */
  scan(): AsyncIterable<readonly (readonly [key: Buffer, value: Buffer])[]>
  close(): Promise<void>
}

export interface DiskFile {
  /** Fewer bytes than asked only at the end of the file. */
  read(position: number, maxBytes: number): Promise<Buffer>
  /** All bytes, or an error. */
  write(position: number, bytes: Uint8Array): Promise<void>
  /** Data and what is needed to find it again. */
  sync(): Promise<void>
  sizeBytes(): Promise<number>
  close(): Promise<void>
}

/** `read`: an existing file. `create`: a new or emptied one. `durable`: an existing one, each write synced as it is made. */
export type OpenMode = 'read' | 'create' | 'durable'

export interface Disk {
  openDatabase(directory: string, createIfMissing: boolean): Promise<Database>
  openFile(path: string, mode: OpenMode): Promise<DiskFile>
  /** Names in a directory, sorted. Null if there is no such directory. */
  list(directory: string): Promise<string[] | null>
  makeDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file; one that is not there counts as removed. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): Promise<void>
}
