// Preloaded into a proxy under test: it ends when the test process is gone, even by SIGKILL, so that
// a broken-off run leaves nothing behind. WATERSHED_PARENT_PID is set by ServerProcess.

const parentPid = Number(process.env['WATERSHED_PARENT_PID']);
const pollMs = 500;

setInterval(() => {
  if (process.ppid !== parentPid) process.exit(1);
}, pollMs).unref();
