/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/** The public exports of `tcpnetlock/testing`: a cluster for the tests of programs that use locks. */
export { startTestCluster, TestCluster, type TestClusterOptions } from './test-cluster.js'
