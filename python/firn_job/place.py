"""Where the job's files are, as the environment says (the names are the client's: snowflake/ml/jobs/_utils/constants.py)."""

import os


class Place:
    """stage: the payload's stage; payload: its app folder or None; result: the result file; index: this instance's number."""

    def __init__(self, env):
        self.stage = env.get("MLRS_STAGE_MOUNT_PATH") or "/mnt/job_stage"
        payload = env.get("MLRS_PAYLOAD_DIR")
        self.payload = os.path.join(self.stage, payload) if payload else None
        folder = env.get("MLRS_STAGE_RESULT_PATH") or self.stage
        self.result = os.path.join(folder, env.get("MLRS_RESULT_PATH") or "mljob_result")
        self.results = os.path.dirname(self.result)
        self.index = int(env.get("SNOWFLAKE_JOB_INDEX") or 0)
        # parallel=True of the client: the entrypoint runs on every instance, not only on the first.
        self.everywhere = env.get("MLRS_LAUNCH_BACKEND") == "passthrough"
        self.client_python = env.get("FIRN_CLIENT_PYTHON") or None  # "3.11"; None: not known

    def record(self):
        """This instance's own record, read by the client's distributed_result()."""
        return os.path.join(self.results, "instances", "%d.json" % self.index)

    def from_stage(self, path):
        """The file here that the client named by its stage path, `@db.s.stage/def/app/1a2b3c4d/f`: what follows the payload folder's name."""
        parts = path.lstrip("@").split("/")
        name = os.path.basename(self.payload or "")
        found = [os.path.join(self.payload, *parts[i + 1 :]) for i, p in enumerate(parts[:-1]) if p == name]
        for file in found:  # a database, stage or definition may have the folder's name too
            if os.path.isfile(file):
                return file
        if found:
            return found[-1]
        return os.path.join(self.payload or self.stage, parts[-1])
