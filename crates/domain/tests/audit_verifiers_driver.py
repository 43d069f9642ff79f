"""Runs docs/verify_audit.py on many exports in one process, for audit_verifiers.rs.

Each job is a line of JSON on stdin, its bytes in hex; each answer a line on stdout: `whole: ...`, `not whole: ...`, or
`crash: ...` when the verifier raised what it does not announce.
"""
import functools, importlib.util, io, json, sys

spec = importlib.util.spec_from_file_location("verify_audit", sys.argv[1])
verify_audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify_audit)
# The same signature is checked in thousands of jobs; a pure function of its arguments may be remembered.
verify_audit.is_signed = functools.lru_cache(maxsize=None)(verify_audit.is_signed)
read_key = functools.lru_cache(maxsize=None)(verify_audit.read_key)

for line in sys.stdin:
    job = json.loads(line)
    try:
        key = read_key(job["key"])
        seen = [one for data in job["witnesses"] for one in verify_audit.read_witness(bytes.fromhex(data), key)]
        print(verify_audit.verify(io.BytesIO(bytes.fromhex(job["export"])), key, seen, job.get("at_least")), flush=True)
    except (ValueError, RecursionError) as why:
        print("not whole:", repr(str(why)), flush=True)
    except Exception as why:  # anything else would be a traceback for whoever runs it
        print("crash:", type(why).__name__, repr(str(why)), flush=True)
