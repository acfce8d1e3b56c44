<%@ Page language="c#" Inherits="Corp.Pages.ErrorFE" AutoEventWireup="false" %>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head runat="server"><title><%=ErrorHeader%></title>
<script type="text/javascript">
function retry() { var back = unescape(location.search.substring(1)); if (back) { window.location.replace(back); } }
</script></head>
<body onload="retry()"><form runat="server"><div><%=ErrorText%></div>
<% if (Request.QueryString["msg"] != null) { %><p><%=Server.HtmlEncode(Request.QueryString["msg"])%></p><% } %></form></body></html>
