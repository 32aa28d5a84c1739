"""Makes a domain of the tests' own: what is named in the smb.conf, with the entries that come as LDIF on standard input.

samba-tool would do the same, but insists on file systems and modules that are of use to a file server only."""
import logging
import sys

from samba.auth import system_session
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.param import LoadParm
from samba.provision import provision

configuration, address, password, reader = sys.argv[1:]
parameters = LoadParm()
parameters.load(configuration)
domain = provision(logging.getLogger(), system_session(), smbconf=configuration, lp=parameters, realm=parameters.get("realm"),
                   domain=parameters.get("workgroup"), hostname=parameters.get("netbios name"), hostip=address, serverrole="dc",
                   dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2, dns_backend="NONE", adminpass=password, skip_sysvolacl=True)
domain.samdb.transaction_start()
domain.samdb.newuser(reader, password)
domain.samdb.add_ldif(sys.stdin.buffer.read().decode())
domain.samdb.transaction_commit()
