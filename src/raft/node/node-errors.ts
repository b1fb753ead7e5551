/** How a node ends that did nothing wrong: the cluster goes on without it. */
export class RemovedFromCluster extends Error {
  override readonly name = 'RemovedFromCluster'
  readonly code = 'TNL_REMOVED'

  constructor() {
    super('this node was removed from the cluster')
  }
}
