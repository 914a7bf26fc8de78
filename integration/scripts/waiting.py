"""Waits for a job while the server is stopped and another started on its port. Argument: the job's id. Says WAITING when the server has the statement; what it
sees at the end, a result or an error, it prints after ENDED."""

import http.client
import logging
import sys

import snowflake.connector
from firn_client import connect

logging.getLogger("snowflake").setLevel(logging.CRITICAL)
other = connect(client_session_keep_alive=False)
c = connect(client_session_keep_alive=False)
cur = c.cursor()
cur.execute("select 1")
answer = http.client.HTTPConnection.getresponse


def sent(connection, *args):
    """Called when a request is out and its answer is waited for."""
    http.client.HTTPConnection.getresponse = answer
    other.cursor().execute("select 1")  # that the server answers this one means that it has read the other
    print("WAITING", flush=True)
    return answer(connection, *args)


http.client.HTTPConnection.getresponse = sent
try:
    cur.execute(f"call {sys.argv[1]}!spcs_wait_for('DONE', 300)")
    print("ENDED with", cur.fetchall(), flush=True)
except snowflake.connector.errors.Error as e:
    print("ENDED by", e.errno, str(e).replace("\n", " "), flush=True)
